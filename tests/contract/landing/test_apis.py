"""Stripe and Jira through real HTTP into a warehouse: what may go wrong, and does not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.contract import CONTRACT, RawTable
from orchestration.sources.jira_plan import JiraReader
from orchestration.warehouse import Warehouse
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE, NEXT, issue

FIXTURES = Path(__file__).parents[2] / "fixtures"


def versions(warehouse: Warehouse, table: RawTable) -> list[tuple[Any, ...]]:
    rows = warehouse.rows(
        f"select {table.primary_key} as key, _as_of, _load_id, _row_hash, _is_deleted "
        f"from raw.{table.raw_name} order by all"
    )
    return [tuple(row.values()) for row in rows]


def everything(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    return {t.stream: versions(warehouse, t) for t in CONTRACT}


def keys(warehouse: Warehouse, raw_name: str, key: str) -> set[str]:
    return {
        row["key"]
        for row in warehouse.rows(
            f"select {key} as key from raw.{raw_name} "
            "group by 1 having not arg_max(_is_deleted, _as_of)"
        )
    }


def test_loading_again_changes_nothing_and_asks_nobody(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    first = extract("stripe", "jira", "engine", "billing", "core")
    assert {o.status for o in first.values()} == {"ok"}
    before, ledger = everything(warehouse), warehouse.rows("select * from ops.load_ledger")
    platform.take_requests()
    again = extract("stripe", "jira", "engine", "billing", "core")
    assert {o.mode for o in again.values()} == {"already_loaded"}
    assert platform.take_requests() == {}
    assert everything(warehouse) == before
    assert warehouse.rows("select * from ops.load_ledger") == ledger


def test_reading_later_without_changes_appends_nothing(
    extract: Extract, warehouse: Warehouse
) -> None:
    extract("stripe", "jira", "engine")
    before = everything(warehouse)
    later = extract("stripe", "jira", "engine", as_of=BASE + timedelta(hours=1))
    assert {(o.status, o.rows_appended, o.rows_deleted) for o in later.values()} == {("ok", 0, 0)}
    assert everything(warehouse) == before
    (row,) = warehouse.rows("select count(*) as n from ops.load_ledger where rows_appended = 0")
    assert row["n"] >= len(later)


def test_an_older_moment_lands_nothing(extract: Extract, warehouse: Warehouse) -> None:
    extract("jira")
    before = everything(warehouse)
    older = extract("jira", as_of=BASE - timedelta(days=1))
    assert {o.mode for o in older.values()} == {"older_than_cursor"}
    assert everything(warehouse) == before


def test_children_arrive_to_the_last_one(extract: Extract, warehouse: Warehouse) -> None:
    extract("stripe")
    items = warehouse.rows(
        "select count(*) as n from raw.stripe__subscription_items where subscription_id like '%01'"
    )
    lines = warehouse.rows(
        "select count(*) as n from raw.stripe__invoice_line_items where invoice_id like '%0001'"
    )
    assert (items[0]["n"], lines[0]["n"]) == (13, 25)


def test_equal_seconds_at_a_page_boundary_lose_nobody(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.sources.stripe_plan.PAGE", 3)
    extract("stripe", streams={"stripe.customers"})
    assert len(keys(warehouse, "stripe__customers", "customer_id")) == 25


def test_no_personal_data_lands(extract: Extract, warehouse: Warehouse) -> None:
    extract("stripe", "jira", "engine", "core")
    texts = warehouse.rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'raw' and data_type = 'VARCHAR'"
    )
    for row in texts:
        name, column = row["table_name"], row["column_name"]
        found = warehouse.rows(
            f'select "{column}" as leak from raw."{name}" '
            f"where \"{column}\" like '%@%' or \"{column}\" like '%Person %' "
            f"or \"{column}\" like 'billing_email%' or \"{column}\" like 'email %'"
        )
        assert found == [], (name, column)
    (row,) = warehouse.rows("select min(length(billing_email)) as n from raw.engine__subs_account")
    assert row["n"] == 64


def test_lost_answers_are_asked_for_again(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    platform.fault("lose_answer", "stripe", path="/v1/customers", count=2)
    platform.fault("status", "stripe", path="/v1/invoices", status=500, count=1)
    outcomes = extract("stripe")
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert len(keys(warehouse, "stripe__customers", "customer_id")) == 25


def test_a_revoked_key_fails_every_stream_by_name(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    platform.switch(stripe_key_revoked_at=(BASE - timedelta(days=1)).isoformat())
    outcomes = extract("stripe", "engine")
    for stream, outcome in outcomes.items():
        assert outcome.status == ("failed" if stream.startswith("stripe.") else "ok")
    error = outcomes["stripe.invoices"].error
    assert isinstance(error, PermanentFailure)
    assert "Expired API Key" in str(error) and "PAYGO_STRIPE_API_KEY" in str(error)
    runs = warehouse.rows("select * from ops.stream_runs where status = 'failed'")
    assert len(runs) == 9 and {r["error_kind"] for r in runs} == {"PermanentFailure"}


def test_one_stream_fails_and_the_others_commit(
    extract: Extract, platform: SimulatedPlatform
) -> None:
    platform.switch(stripe_missing_permissions=["rak_payment_intent_read"])
    outcomes = extract("stripe")
    failed = {s for s, o in outcomes.items() if o.status == "failed"}
    assert failed == {"stripe.payment_intents"}
    assert "may not read /v1/payment_intents" in str(outcomes["stripe.payment_intents"].error)
    platform.heal()
    later = extract("stripe", as_of=BASE + timedelta(hours=1))
    assert later["stripe.payment_intents"].rows_appended == 13
    assert later["stripe.customers"].rows_appended == 0


def test_a_page_that_does_not_say_whether_there_is_more_lands_nothing(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    platform.fault("drop_pagination", "stripe", path="/v1/subscriptions", count=1)
    platform.fault("drop_pagination", "jira", path="/rest/api/3/search", count=1)
    outcomes = extract("stripe", "jira")
    for stream in ("stripe.subscriptions", "stripe.subscription_items", "jira.issues"):
        assert outcomes[stream].status == "failed", stream
        assert versions(warehouse, next(t for t in CONTRACT if t.stream == stream)) == []
    assert outcomes["stripe.customers"].status == "ok"


def test_a_jira_token_without_rights_is_no_empty_project(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("jira")
    before = everything(warehouse)
    for switch, said in (
        ({"jira_token_expired": True}, "Jira refused the token"),
        ({"jira_missing_permissions": ["BROWSE_PROJECTS"]}, "may not browse project BILL"),
    ):
        platform.switch(**switch)
        outcomes = extract("jira", as_of=BASE + timedelta(hours=1))
        assert all(said in str(o.error) for o in outcomes.values())
        platform.heal()
    assert everything(warehouse) == before


def test_an_unexpected_zero_fails(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract("jira")
    before = everything(warehouse)
    monkeypatch.setattr("orchestration.sources.jira_plan.JiraReader._list", lambda *_: None)
    outcome = extract("jira", as_of=BASE + timedelta(hours=1))["jira.issues"]
    assert "zero issues" in str(outcome.error)
    assert everything(warehouse) == before


def test_a_list_of_ids_that_breaks_off_deletes_nothing(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(reader: JiraReader, _: object) -> None:
        reader.ids.append("10001")
        raise TransientFailure("the list breaks off")

    monkeypatch.setattr(JiraReader, "_list", broken)
    outcomes = extract("jira")
    assert "the list breaks off" in str(outcomes["jira.issues"].error)
    assert outcomes["jira.changelog_items"].status == "ok"
    assert keys(warehouse, "jira__issues", "issue_id") == set()


def test_a_repeated_jira_token_fails(
    extract: Extract, platform: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seven issues in one chain of pages: a short one never meets its token again.
    monkeypatch.setattr("orchestration.sources.jira._ISSUES_A_PAGE", 2)
    monkeypatch.setattr("orchestration.sources.jira_plan._SMALLEST_PAGES", 99)
    platform.fault("repeat_token", "jira", path="/rest/api/3/search", count=5)
    outcome = extract("jira", streams={"jira.issues"})["jira.issues"]
    assert "repeats its page token" in str(outcome.error)


def test_a_delayed_index_neither_hides_nor_deletes(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("jira")
    # The index shows the first four issues and is behind with the other three.
    platform.switch(jira_index_delay_seconds=86_400 - 4)
    outcome = extract("jira", as_of=BASE + timedelta(hours=1))["jira.issues"]
    assert (outcome.status, outcome.rows_deleted) == ("ok", 0)
    assert len(keys(warehouse, "jira__issues", "issue_id")) == 7


def test_labelled_tickets_travel_unchanged(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    lines = (FIXTURES / "tickets_labelled.jsonl").read_text(encoding="utf-8").splitlines()
    tickets = [json.loads(line) for line in lines]
    platform.load_issues(
        issue(
            5000 + n,
            key=f"BILL-{5000 + n}",
            summary=ticket["summary"],
            description=ticket["description"],
            labels=ticket["labels"],
        )
        for n, ticket in enumerate(tickets)
    )
    extract("jira")
    landed = {
        row["issue_key"]: row
        for row in warehouse.rows(
            "select issue_key, summary, description_text, labels from raw.jira__issues"
        )
    }
    assert len(tickets) == 100
    for n, ticket in enumerate(tickets):
        row = landed[f"BILL-{5000 + n}"]
        assert row["summary"] == ticket["summary"]
        assert row["description_text"] == ticket["description"]
        assert row["labels"] == ticket["labels"]


def test_a_gateway_that_knows_no_path_deletes_nothing(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    streams = {"stripe.customers", "stripe.payment_intents"}
    extract("stripe", streams=streams)
    platform.fault("status", "stripe", path="/v1/customers/", status=404, count=9)
    outcomes = extract("stripe", streams=streams, as_of=BASE + timedelta(hours=1))
    assert "refused GET /v1/customers/cus_" in str(outcomes["stripe.customers"].error)
    assert len(keys(warehouse, "stripe__customers", "customer_id")) == 25
    assert outcomes["stripe.payment_intents"].status == "ok"


def test_events_about_an_upcoming_invoice_ask_for_none(
    extract: Extract, platform: SimulatedPlatform
) -> None:
    extract("stripe")
    upcoming = {"type": "invoice.upcoming", "data": {"object": {"object": "invoice"}}}
    platform.switch(stripe_shape={"event": upcoming})
    platform.take_requests()
    outcomes = extract("stripe", as_of=BASE + timedelta(hours=1))
    assert {o.status for o in outcomes.values()} == {"ok"}
    asked = platform.take_requests()
    assert not [path for path in asked if path.startswith("stripe /v1/invoices/")]


def test_the_only_payment_of_the_only_changed_invoice_goes(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    streams = {"stripe.invoices", "stripe.invoice_payments", "stripe.events"}
    extract("stripe", streams=streams)
    none = {"object": "list", "data": [], "has_more": False, "url": "/v1/invoice_payments"}
    platform.switch(stripe_shape={"invoice": {"payments": none}})
    outcome = extract("stripe", streams=streams, as_of=BASE + timedelta(hours=1))
    payments = outcome["stripe.invoice_payments"]
    assert (payments.mode, payments.rows_appended, payments.rows_deleted) == ("delta", 0, 1)
    found = keys(warehouse, "stripe__invoice_payments", "invoice_payment_id")
    assert found == {f"inpay_{n:024d}" for n in range(2, 14)}


def test_changes_and_deletions_of_the_next_day(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    """Last of this module: the platform goes forward only."""
    extract("stripe", "jira", "engine", "core")
    platform.advance(NEXT)
    outcomes = extract("stripe", "jira", "engine", "core", as_of=NEXT)
    assert {o.status for o in outcomes.values()} == {"ok"}
    gone = {
        ("stripe__customers", "customer_id", f"cus_{25:014d}"),
        ("engine__subs_stuck_events", "stuck_event_id", "key_1"),
        ("core__zones", "zone_id", "key_0"),
        ("jira__issues", "issue_id", "10007"),
    }
    for raw_name, key, value in gone:
        assert value not in keys(warehouse, raw_name, key), raw_name
    # Payment methods wait for their weekly sweep, and say so by the as_of they keep.
    detached = f"pm_{2:024d}"
    assert outcomes["stripe.payment_methods"].mode == "not_due"
    assert detached in keys(warehouse, "stripe__payment_methods", "payment_method_id")
    standing = warehouse.cursor("stripe.payment_methods")
    assert standing is not None and standing.as_of == BASE
    week = extract("stripe", as_of=BASE + timedelta(days=7))
    assert week["stripe.payment_methods"].rows_deleted == 1
    assert detached not in keys(warehouse, "stripe__payment_methods", "payment_method_id")
    assert "key_9" in keys(warehouse, "core__zones", "zone_id")
    (row,) = warehouse.rows(
        "select summary from raw.jira__issues where issue_id = '10001' order by _as_of desc limit 1"
    )
    assert row["summary"] == "Changed"
    # A tombstone repeats the last known values.
    (row,) = warehouse.rows(
        "select account_id from raw.core__zones where zone_id = 'key_0' and _is_deleted"
    )
    assert row["account_id"]
