"""The shape of an API changes: what each change does to its stream, and to no other."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from orchestration.errors import ContractViolation
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.warehouse import Warehouse
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE

CUSTOMERS = "stripe.customers"
EVENTS = "stripe.events"
INVOICES = "stripe.invoices"
INTENTS = "stripe.payment_intents"
ISSUES = "jira.issues"
HISTORIES = "jira.changelog_items"
# Lists are read whole again after a week: every object is seen in its new shape.
WEEK = timedelta(days=8)


def rows(warehouse: Warehouse, stream: str) -> list[dict[str, Any]]:
    return warehouse.rows(f"select * from raw.{stream.replace('.', '__')} order by all")


STRIPE: dict[str, tuple[dict[str, Any], str]] = {
    "renamed": ({"delinquent": None, "is_delinquent": False}, "column 'is_delinquent' is missing"),
    "retyped to a text": ({"delinquent": "no"}, "column 'is_delinquent' is not true or false"),
    "retyped to an object": ({"currency": {"code": "usd"}}, "column 'currency' is not a text"),
    "retyped to a float": ({"created": 1.5}, "column 'created_at' is not a time"),
}


@pytest.mark.parametrize("change", STRIPE)
def test_a_renamed_or_retyped_field_of_stripe_stops_its_stream_alone(
    change: str, extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    shape, said = STRIPE[change]
    extract("stripe", streams={CUSTOMERS, INTENTS})
    before, standing = rows(warehouse, CUSTOMERS), warehouse.cursor(CUSTOMERS)
    platform.switch(stripe_shape={"customer": shape})
    outcomes = extract("stripe", streams={CUSTOMERS, INTENTS}, as_of=BASE + WEEK)
    assert isinstance(outcomes[CUSTOMERS].error, ContractViolation)
    assert said in str(outcomes[CUSTOMERS].error)
    assert outcomes[INTENTS].status == "ok"
    assert rows(warehouse, CUSTOMERS) == before
    assert warehouse.cursor(CUSTOMERS) == standing


def test_a_renamed_nested_field_stops_its_stream_and_gives_no_nulls(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    renamed = dict.fromkeys(("finalized_at", "paid_at", "uncollectible_at", "voided_at"))
    platform.switch(stripe_shape={"invoice": {"status_transitions": renamed}})
    outcomes = extract("stripe", streams={INVOICES, INTENTS})
    assert isinstance(outcomes[INVOICES].error, ContractViolation)
    assert "column 'marked_uncollectible_at' is missing" in str(outcomes[INVOICES].error)
    assert rows(warehouse, INVOICES) == []
    assert outcomes[INTENTS].status == "ok"


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"api_version": 5}, "column 'api_version' is not a text"),
        ({"type": {"name": "x"}}, "no 'type' in row"),
    ],
)
def test_a_feed_of_another_shape_stops_the_stream_of_events_alone(
    shape: dict[str, Any],
    said: str,
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
) -> None:
    platform.switch(stripe_shape={"event": shape})
    outcomes = extract("stripe")
    failed = {s: o for s, o in outcomes.items() if o.status == "failed"}
    assert set(failed) == {EVENTS}
    assert isinstance(failed[EVENTS].error, ContractViolation)
    assert said in str(failed[EVENTS].error)
    assert rows(warehouse, EVENTS) == [] and len(rows(warehouse, CUSTOMERS)) == 25


def test_changes_are_not_read_from_a_feed_that_does_not_say_what_changed(
    extract: Extract, platform: SimulatedPlatform
) -> None:
    extract("stripe")
    platform.switch(stripe_shape={"event": {"data": None}})
    outcomes = extract("stripe", as_of=BASE + timedelta(hours=1))
    assert all("stripe.events: no 'data.object'" in str(o.error) for o in outcomes.values())


JIRA: dict[str, tuple[dict[str, Any], str]] = {
    "renamed": ({"summary": None, "title": "t"}, "column 'summary' has no value"),
    "retyped to an object": ({"summary": {"text": "t"}}, "column 'summary' is not a text"),
    "retyped to a text": ({"labels": "a, b"}, "column 'labels' is not an array"),
    "retyped document": ({"description": "text"}, "'description_text' is not a document but str"),
    "retyped objects": ({"components": ["a"]}, "'components' is not an array of objects but str"),
    "retyped list": ({"components": {"name": "a"}}, "column 'components' is not an array but dict"),
    "retyped number": ({"customfield_10052": "many"}, "is not a whole number"),
}


@pytest.mark.parametrize("change", JIRA)
def test_a_renamed_or_retyped_field_of_jira_stops_its_stream_alone(
    change: str, extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    shape, said = JIRA[change]
    platform.switch(jira_shape=shape)
    outcomes = extract("jira")
    assert isinstance(outcomes[ISSUES].error, ContractViolation)
    assert said in str(outcomes[ISSUES].error)
    assert rows(warehouse, ISSUES) == []
    assert outcomes[HISTORIES].status == "ok" and outcomes[HISTORIES].rows_appended
    platform.heal()
    assert extract("jira", as_of=BASE + timedelta(hours=1))[ISSUES].rows_appended == 7


def test_a_field_that_the_site_does_not_have_is_named_before_anything_is_read(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    platform.switch(jira_missing_fields=["customfield_10051"])
    for outcome in extract("jira").values():
        assert isinstance(outcome.error, ContractViolation)
        assert "no field customfield_10051 (column escalated_at)" in str(outcome.error)
        assert "contract_others.py" in str(outcome.error)
    assert rows(warehouse, ISSUES) == rows(warehouse, HISTORIES) == []


def test_a_custom_field_that_no_issue_of_a_page_has_is_null(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    """Jira leaves out the fields of another context, such as another kind of issue."""
    platform.switch(jira_shape={"customfield_10050": None})
    assert extract("jira")[ISSUES].rows_appended == 7
    assert {r["reporter_role"] for r in rows(warehouse, ISSUES)} == {None}


@pytest.mark.parametrize(
    ("lost", "value"), [("updated", None), ("created", None), ("updated", "2026-03-01T10:00:00")]
)
def test_a_jira_time_that_is_gone_or_of_no_zone_moves_no_cursor(
    lost: str,
    value: str | None,
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
) -> None:
    platform.switch(jira_shape={lost: value})
    outcomes = extract("jira")
    assert f"column '{lost}_at'" in str(outcomes[ISSUES].error)
    assert rows(warehouse, ISSUES) == [] and warehouse.cursor(ISSUES) is None
    # How far the project was read is known by `updated` alone.
    assert outcomes[HISTORIES].status == ("failed" if lost == "updated" else "ok")


def test_an_unknown_value_of_an_enumeration_lands_as_it_is(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    """Guessing a known one would hide it: the models and their tests say what they do not know."""
    platform.switch(
        stripe_shape={"payment_intent": {"status": "requires_teleportation"}},
        jira_shape={"priority": {"id": "9", "name": "Cosmic"}},
    )
    outcomes = extract("stripe", "jira", streams={INTENTS, ISSUES})
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert {r["status"] for r in rows(warehouse, INTENTS)} == {"requires_teleportation"}
    assert {r["priority"] for r in rows(warehouse, ISSUES)} == {"Cosmic"}


def test_a_new_field_is_kept_in_the_payload_and_reported_once(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("stripe", streams={CUSTOMERS, INTENTS})
    assert warehouse.rows("select * from ops.schema_changes") == []
    platform.switch(stripe_shape={"customer": {"loyalty_tier": "gold"}})
    for weeks in (1, 2):
        outcome = extract("stripe", streams={CUSTOMERS, INTENTS}, as_of=BASE + weeks * WEEK)
        assert outcome[CUSTOMERS].rows_appended == (25 if weeks == 1 else 0)
        assert outcome[INTENTS].rows_appended == 0
    (change,) = warehouse.rows("select stream, change, column_name from ops.schema_changes")
    assert change == {"stream": CUSTOMERS, "change": "field_added", "column_name": "loyalty_tier"}
    latest = [r for r in rows(warehouse, CUSTOMERS) if r["_as_of"].date() > BASE.date()]
    assert {json.loads(r["payload"])["loyalty_tier"] for r in latest} == {"gold"}
