"""Every kind of served Stripe object against the official example and the pinned client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestration.settings import STRIPE_API_VERSION
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.stripe_legacy import API_VERSION as ACCOUNT_VERSION
from tests.contract.simulation.annotations import CLASSES, absent, fields, object_problems

EXAMPLES: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "stripe_examples.json").read_text()
)

# Where an official example does not fit the annotations of the pinned client, the
# annotation wins. This is the whole list; a new entry must be looked at.
EXAMPLE_DIFFERS_FROM_CLIENT = [
    "invoice.subscription: not known to the client",  # moved to `parent` in 2025-03-31
]

# Facts that the annotations leave open, taken from the change log of the API.
GONE_SINCE_2025_03_31 = {
    "invoice": {"payment_intent", "charge", "paid", "subscription", "tax", "quote"},
    "line_item": {"price", "plan", "proration", "tax_amounts", "type"},
    "subscription": {"current_period_start", "current_period_end"},
    "payment_intent": {"invoice"},
}

LISTS = {
    "customer": "/v1/customers",
    "payment_method": "/v1/payment_methods",
    "subscription": "/v1/subscriptions?status=all",
    "invoice": "/v1/invoices",
    "invoice_payment": "/v1/invoice_payments",
    "payment_intent": "/v1/payment_intents",
    "event": "/v1/events",
}


def get(platform: SimulatedPlatform, path: str, version: str | None = STRIPE_API_VERSION) -> Any:
    ends = platform.endpoints
    headers = {"Authorization": f"Bearer {ends.stripe_api_key}"}
    if version:
        headers["Stripe-Version"] = version
    answer = httpx.get(ends.stripe_api_base + path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def served(platform: SimulatedPlatform, kind: str) -> list[Any]:
    if kind == "subscription_item":
        return [i for s in served(platform, "subscription") for i in s["items"]["data"]]
    if kind == "line_item":
        lines = [i["lines"]["data"] for i in served(platform, "invoice")]
        first = get(platform, f"/v1/invoices/in_{1:024d}/lines?limit=100")["data"]
        return [line for page in (*lines, first) for line in page]
    separator = "&" if "?" in LISTS[kind] else "?"
    found = get(platform, f"{LISTS[kind]}{separator}limit=100")["data"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("kind", CLASSES)
def test_every_served_object_fits_the_annotations(platform: SimulatedPlatform, kind: str) -> None:
    objects = served(platform, kind)
    assert objects
    assert [p for body in objects for p in object_problems(body, CLASSES[kind], kind)] == []


@pytest.mark.parametrize("kind", CLASSES)
def test_every_field_that_both_know_is_served(platform: SimulatedPlatform, kind: str) -> None:
    example, cls = EXAMPLES[kind], CLASSES[kind]
    objects = served(platform, kind)
    if kind == "payment_method":  # the example is a card, and has the details of one
        objects = [body for body in objects if body["type"] == example["type"]]
    if kind == "subscription_item":  # Stripe leaves the quantity of metered items out
        metered = [o for o in objects if o["price"]["recurring"]["usage_type"] == "metered"]
        assert metered
        assert all("quantity" not in body for body in metered)
        objects = [body for body in objects if body not in metered]
    assert objects
    # Example and client know most fields of each other: otherwise this compares nothing.
    assert len(set(example) & set(fields(cls))) >= 0.9 * len(example)
    assert [f for body in objects for f in absent(body, example, cls, kind)] == []


def test_the_differences_between_examples_and_client_are_the_listed_ones() -> None:
    found = [p for kind, cls in CLASSES.items() for p in object_problems(EXAMPLES[kind], cls, kind)]
    assert found == EXAMPLE_DIFFERS_FROM_CLIENT


@pytest.mark.parametrize("kind", GONE_SINCE_2025_03_31)
def test_moved_fields_are_gone_from_objects(platform: SimulatedPlatform, kind: str) -> None:
    for body in served(platform, kind):
        assert not GONE_SINCE_2025_03_31[kind] & set(body)


def test_events_carry_the_older_version_of_the_account(platform: SimulatedPlatform) -> None:
    events = {e["type"]: e for e in served(platform, "event")}
    assert {e["api_version"] for e in events.values()} == {ACCOUNT_VERSION}
    invoice = events["invoice.paid"]["data"]["object"]
    assert (invoice["paid"], invoice["payment_intent"]) == (True, f"pi_{1:024d}")
    assert invoice["subscription"] == f"sub_{1:024d}"
    assert "parent" not in invoice
    line = invoice["lines"]["data"][0]
    assert line["price"]["id"] == line["plan"]["id"] == "price_000000000000000000000001"
    assert "pricing" not in line
    subscription = events["customer.subscription.updated"]["data"]["object"]
    item = subscription["items"]["data"][0]
    assert "current_period_end" not in item
    current = get(platform, f"/v1/subscriptions/{subscription['id']}")["items"]["data"][0]
    assert subscription["current_period_end"] == current["current_period_end"]


def test_a_request_without_a_version_gets_the_shape_of_the_account(
    platform: SimulatedPlatform,
) -> None:
    invoice = get(platform, f"/v1/invoices/in_{1:024d}", version=None)
    assert invoice["subscription"] == f"sub_{1:024d}"
    assert "parent" not in invoice


def test_values_are_those_of_the_rows(platform: SimulatedPlatform) -> None:
    invoice = get(platform, f"/v1/invoices/in_{13:024d}")
    assert invoice["status_transitions"] == {
        "finalized_at": 1770854418,  # 2026-02-12T00:00:18Z
        "marked_uncollectible_at": 1771372800,  # 2026-02-18T00:00:00Z
        "paid_at": None,
        "voided_at": None,
    }
    assert (invoice["amount_due"], invoice["amount_remaining"]) == (1000, 1000)
    assert invoice["parent"] is None
    assert invoice["customer_email"] == "person13@example.com"
    item = get(platform, f"/v1/subscription_items/si_{201:014d}")
    assert item["price"]["unit_amount"] is None
    assert item["price"]["unit_amount_decimal"] == "0.0125"
    assert item["price"]["recurring"]["usage_type"] == "metered"
    customer = get(platform, f"/v1/customers/cus_{3:014d}")
    assert customer["metadata"] == {"account_id": "acc_00000003"}  # unset keys do not exist
