"""The simulated Stripe through the official client, as extraction will use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx
import pytest
import stripe

from orchestration.simulation.platform import SimulatedPlatform
from tests.contract.simulation.conftest import stripe_client
from tests.contract.simulation.handmade import BASE, REVOKED, base_folder

ROWS = base_folder()


def expected(name: str) -> list[str]:
    """Ids of the rows of a kind, newest first."""
    rows = [row for row in ROWS[f"stripe.{name}"] if isinstance(row, dict)]
    return [r["id"] for r in sorted(rows, key=lambda r: (r["created"], r["id"]), reverse=True)]


def ids(objects: Iterable[Any]) -> list[str]:
    return [found.id for found in objects]


def epoch(days: float) -> int:
    return int(BASE.timestamp() - days * 86400)


@pytest.mark.parametrize("size", [1, 4, 7, 100])
@pytest.mark.parametrize(
    "name",
    ["customers", "payment_methods", "invoices", "invoice_payments", "payment_intents"],
)
def test_paging_over_a_list_gives_every_object_once_newest_first(
    client: stripe.StripeClient, name: str, size: int
) -> None:
    pages = getattr(client.v1, name).list({"limit": size})
    assert ids(pages.auto_paging_iter()) == expected(name)


def test_paging_backwards_gives_the_same_objects(client: stripe.StripeClient) -> None:
    oldest = expected("customers")[-1]
    page = client.v1.customers.list({"limit": 4, "ending_before": oldest})
    assert [oldest, *ids(page.auto_paging_iter())] == expected("customers")[::-1]
    assert page.has_more


def test_the_default_page_holds_ten(client: stripe.StripeClient) -> None:
    page = client.v1.customers.list()
    assert ids(page) == expected("customers")[:10]
    assert page.has_more


def test_canceled_subscriptions_are_left_out_unless_asked_for(client: stripe.StripeClient) -> None:
    every = ids(client.v1.subscriptions.list({"status": "all"}).auto_paging_iter())
    assert every == expected("subscriptions")
    status = {r["id"]: r["status"] for r in ROWS["stripe.subscriptions"] if isinstance(r, dict)}
    live = ids(client.v1.subscriptions.list().auto_paging_iter())
    assert live == [key for key in every if status[key] != "canceled"] != every
    ended = ids(client.v1.subscriptions.list({"status": "ended"}))
    assert {status[key] for key in ended} == {"canceled", "incomplete_expired"}


def test_created_ranges_cut_between_seconds(client: stripe.StripeClient) -> None:
    start = epoch(60)
    rows = {r["id"]: n for n, r in enumerate(ROWS["stripe.customers"], 1) if isinstance(r, dict)}

    def seconds(**bounds: int) -> set[int]:
        found = client.v1.customers.list({"created": bounds, "limit": 100})  # type: ignore[typeddict-item]
        return {rows[key] // 2 for key in ids(found)}

    assert seconds(gte=start + 3, lt=start + 6) == {3, 4, 5}
    assert seconds(gt=start + 3, lte=start + 6) == {4, 5, 6}
    left = ids(client.v1.customers.list({"created": {"lt": start + 6}, "limit": 100}))
    right = ids(client.v1.customers.list({"created": {"gte": start + 6}, "limit": 100}))
    assert right + left == expected("customers")
    exact = client.v1.customers.list({"created": start + 3})
    assert {rows[key] // 2 for key in ids(exact)} == {3}


def test_pages_of_a_created_range_end_with_it(client: stripe.StripeClient) -> None:
    bounds = {"gte": epoch(60) + 2, "lt": epoch(60) + 9}
    pages = client.v1.customers.list({"limit": 3, "created": bounds})  # type: ignore[typeddict-item]
    assert len(ids(pages.auto_paging_iter())) == 14


def test_an_invoice_of_25_lines_arrives_with_25(client: stripe.StripeClient) -> None:
    invoice = client.v1.invoices.retrieve(f"in_{1:024d}")
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    wanted = [r["id"] for r in ROWS["stripe.invoice_line_items"] if isinstance(r, dict)
              and r["invoice"] == invoice.id]  # fmt: skip
    assert ids(invoice.lines.auto_paging_iter()) == wanted
    assert len(wanted) == 25
    listed = client.v1.invoices.line_items.list(invoice.id, {"limit": 7})
    assert ids(listed.auto_paging_iter()) == wanted
    assert not client.v1.invoices.retrieve(f"in_{2:024d}").lines.has_more


def test_items_beyond_the_embedded_page_are_listed(client: stripe.StripeClient) -> None:
    subscription = client.v1.subscriptions.retrieve(f"sub_{1:024d}")
    items = subscription["items"]
    assert (len(items.data), items.has_more) == (10, True)
    listed = client.v1.subscription_items.list({"subscription": subscription.id, "limit": 5})
    assert len(set(ids(listed.auto_paging_iter()))) == 13
    with pytest.raises(stripe.InvalidRequestError, match="subscription"):
        client.v1.subscription_items.list({})  # type: ignore[typeddict-item]


def test_filters_by_parent(client: stripe.StripeClient) -> None:
    of_one = client.v1.invoice_payments.list({"invoice": f"in_{13:024d}"})
    assert ids(of_one) == [f"inpay_{13:024d}"]
    assert of_one.data[0].payment.type == "payment_record"
    assert ids(client.v1.invoice_payments.list({"status": "open"})) == [f"inpay_{13:024d}"]
    assert ids(client.v1.invoices.list({"customer": f"cus_{3:014d}"})) == [f"in_{3:024d}"]
    assert ids(client.v1.payment_methods.list({"type": "link"})) == [f"pm_{4:024d}"]


def test_payments_are_on_an_invoice_only_when_expanded(client: stripe.StripeClient) -> None:
    assert "payments" not in client.v1.invoices.retrieve(f"in_{2:024d}").to_dict()
    expanded = client.v1.invoices.retrieve(f"in_{2:024d}", {"expand": ["payments"]})
    assert expanded.payments is not None
    assert ids(expanded.payments.data) == [f"inpay_{2:024d}"]


def test_events_by_type_and_thirty_days(client: stripe.StripeClient) -> None:
    kept = ids(client.v1.events.list({"limit": 2}).auto_paging_iter())
    assert kept == [f"evt_{n:024d}" for n in (4, 3, 2, 1, 5)]  # number 6 is 31 days old
    paid = client.v1.events.list({"types": ["invoice.paid", "customer.updated"]})
    assert ids(paid) == [f"evt_{2:024d}", f"evt_{1:024d}"]
    assert len(ids(client.v1.events.list({"type": "invoice.*"}))) == 2
    with pytest.raises(stripe.InvalidRequestError, match="20"):
        client.v1.events.list({"types": ["invoice.paid"] * 21})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.retrieve(f"evt_{6:024d}")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 101}, "less than or equal to 100"),
        ({"limit": "x"}, "Invalid integer"),
        ({"starting_after": "cus_1", "ending_before": "cus_2"}, "simultaneously"),
        ({"starting_after": "cus_nobody"}, "No such customer"),
        ({"updated": {"gte": 1}}, "unknown parameter"),
        ({"created": {"since": 1}}, "unknown parameter"),
    ],
)
def test_bad_parameters_are_refused(client: stripe.StripeClient, params: Any, message: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=message) as caught:
        client.v1.customers.list(params)
    assert caught.value.http_status == 400


def test_payment_methods_have_no_created_filter(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: created"):
        client.v1.payment_methods.list({"created": {"gte": 1}})  # type: ignore[typeddict-unknown-key]


def test_an_unknown_object_is_a_404(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.customers.retrieve("cus_nobody")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    assert (caught.value.request_id or "").startswith("req_")


def test_basic_authentication_works_too(platform: SimulatedPlatform) -> None:
    ends = platform.endpoints
    url = f"{ends.stripe_api_base}/v1/balance"
    assert httpx.get(url, auth=(ends.stripe_api_key, "")).json()["object"] == "balance"
    assert httpx.get(url).status_code == 401


def test_a_wrong_key_is_an_authentication_error(platform: SimulatedPlatform) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key") as caught:
        stripe_client(platform, "rk_test_wrongwrongwrongwrong").v1.customers.list()
    assert "wrongwrong" not in str(caught.value)


def test_an_under_scoped_key_is_told_the_permission(
    platform: SimulatedPlatform, client: stripe.StripeClient
) -> None:
    platform.switch(stripe_missing_permissions=["rak_invoice_read"])
    with pytest.raises(stripe.PermissionError, match="rak_invoice_read"):
        client.v1.invoices.list()
    assert client.v1.customers.list().data


def test_an_unknown_version_is_refused(platform: SimulatedPlatform) -> None:
    client = stripe_client(platform)
    with pytest.raises(stripe.InvalidRequestError, match="version"):
        client.v1.customers.list(options={"stripe_version": "2030-01-01.nothing"})


def test_limits_answer_429_with_the_reason(
    platform: SimulatedPlatform, client: stripe.StripeClient
) -> None:
    platform.switch(stripe_endpoint_requests_per_second=0)
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.customers.list()
    headers = {k.lower(): v for k, v in (caught.value.headers or {}).items()}
    assert headers["stripe-rate-limited-reason"] == "endpoint-rate"
    platform.switch(stripe_requests_per_second=0)
    with pytest.raises(stripe.RateLimitError) as caught:
        client.v1.customers.list()
    headers = {k.lower(): v for k, v in (caught.value.headers or {}).items()}
    assert headers["stripe-rate-limited-reason"] == "global-rate"


def test_the_next_requests_fail_as_told_and_no_more(
    platform: SimulatedPlatform, client: stripe.StripeClient
) -> None:
    platform.fault("status", "stripe", path="/v1/customers", status=503, count=2)
    assert client.v1.invoices.list().data
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            client.v1.customers.list()
        assert caught.value.http_status == 503
    assert client.v1.customers.list().data
    assert platform.take_requests()["stripe /v1/customers"] == 3


def test_a_lost_answer_is_a_connection_error(
    platform: SimulatedPlatform, client: stripe.StripeClient
) -> None:
    platform.fault("lose_answer", "stripe")
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.list()
    assert client.v1.customers.list().data


def test_a_page_can_lose_its_evidence(platform: SimulatedPlatform) -> None:
    platform.fault("drop_pagination", "stripe")
    ends = platform.endpoints
    bodies = [
        httpx.get(f"{ends.stripe_api_base}/v1/customers", auth=(ends.stripe_api_key, "")).json()
        for _ in range(2)
    ]
    assert ["has_more" in body for body in bodies] == [False, True]


def test_a_key_is_dead_from_the_moment_of_its_revocation(
    platform: SimulatedPlatform, client: stripe.StripeClient
) -> None:
    assert BASE < REVOKED
    platform.switch(stripe_key_revoked_at=BASE.isoformat())
    with pytest.raises(stripe.AuthenticationError, match="Expired API Key"):
        client.v1.customers.list()
    platform.switch(stripe_key_revoked_at=REVOKED.isoformat())
    assert client.v1.customers.list().data
