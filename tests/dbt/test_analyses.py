"""The analysts' questions: each query runs on the demo's warehouse and gives the true answer.

The truth is what the simulated world knows of itself: its planted faults, its metric series, and
its rows. No answer is computed from the warehouse a second time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest

from tests.conftest import DemoHome
from tests.replay.lives import excluded_on, lives, open_on

ANALYSES = Path(__file__).parents[2] / "dbt_project" / "analyses"
STRIPE_DAY, ENGINE_DAY = date(2026, 3, 21), date(2026, 3, 23)
"""The demo's last complete days: its Stripe key was revoked, the engine goes on."""
Row = dict[str, Any]


class World:
    """The truth of the demo's world, and its rows as a last extraction saw them."""

    def __init__(self, folder: Path) -> None:
        self.truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
        self._changes = folder / "changes"

    def metric(self, name: str, first: date, last: date) -> int:
        series = self.truth["metrics"][name]
        days = (last - first).days + 1
        return sum(series[str(first + timedelta(days=i))] for i in range(days))

    def kinds(self, detector: str, day: date) -> Counter[str]:
        return Counter(kind for _, kind in open_on(self.truth, detector, day))

    def faults(self, detector: str) -> set[str]:
        """Single faults that have shown and are not over."""
        return {
            f["entity_id"]
            for f in self.truth["faults"]
            if f["detector"] == detector and f["detectable_from"] and not f["ended"]
        }

    def rows(self, stream: str, until: str) -> dict[str, Row]:
        """Rows of a stream by key, as of the folder of that moment."""
        found: dict[str, Row] = {}
        for folder in sorted(self._changes.iterdir()):
            file = folder / f"{stream}.jsonl"
            for line in file.read_text().splitlines() if file.exists() else ():
                change = json.loads(line)
                if change["op"] == "delete":
                    del found[change["key"]]
                else:
                    found[change["row"]["id"]] = change["row"]
            if folder.name.endswith(until):
                return found
        raise AssertionError(until)


def bad_debt_by_account_type(world: World, rows: list[Row]) -> None:
    total = world.metric("bad_debt_accounts", ENGINE_DAY, ENGINE_DAY)
    assert sum(row["stock"] for row in rows) == total


def bad_debt_flow_of_thirty_days(world: World, rows: list[Row]) -> None:
    first = ENGINE_DAY - timedelta(days=29)
    (row,) = rows
    assert row["days"] == 30
    assert row["entries"] == world.metric("bad_debt_entries_per_day", first, ENGINE_DAY)
    assert row["exits"] == world.metric("bad_debt_exits_per_day", first, ENGINE_DAY)


def stores_that_disagree_on_bad_debt(world: World, rows: list[Row]) -> None:
    found = {row["combination"]: row["accounts"] for row in rows}
    assert found == world.kinds("triple_store", STRIPE_DAY)


def accounts_charged_twice(world: World, rows: list[Row]) -> None:
    known = {entity for entity, _ in open_on(world.truth, "double_charge", STRIPE_DAY)}
    assert {row["account_id"] for row in rows} == known
    paid = world.rows("stripe.invoice_payments", "20260322T000000Z").values()
    invoices = world.rows("stripe.invoices", "20260322T000000Z")
    done = {p["invoice"]: p["amount_paid"] for p in paid if p["status"] == "paid"}
    owed: Counter[str] = Counter()
    for invoice in invoices.values():
        originals = invoice["metadata"].get("bad_debt_invoices")
        for original in originals.split(",") if originals and invoice["id"] in done else ():
            owed[invoice["metadata"]["account_id"]] += done.get(original, 0)
    assert {row["account_id"]: row["to_give_back_minor"] for row in rows} == {
        account: amount for account, amount in owed.items() if amount
    }


def write_offs_by_reason(world: World, rows: list[Row]) -> None:
    first = date(2026, 1, 1)
    every = world.metric("uncollectible_invoices_per_day", first, STRIPE_DAY)
    assert sum(row["invoices"] for row in rows) == every
    upgrades = world.metric("bad_debt_from_upgrades_per_day", first, STRIPE_DAY)
    by_reason = {row["billing_reason"]: row["invoices"] for row in rows}
    assert by_reason["subscription_update"] == upgrades
    assert {r["billing_reason"] for r in rows if not r["is_valid_debt"]} == {
        "subscription_create",
        "subscription_update",
    }


def debt_shown_and_debt_owed(world: World, rows: list[Row]) -> None:
    invoices = world.rows("stripe.invoices", "20260322T000000Z")
    shown: Counter[str] = Counter()
    never_valid: Counter[str] = Counter()
    for invoice in invoices.values():
        if invoice["status"] in ("open", "uncollectible"):
            shown[invoice["currency"]] += invoice["amount_remaining"]
        failed_purchase = invoice["billing_reason"] in (
            "subscription_create",
            "subscription_update",
        )
        if invoice["status"] == "uncollectible" and failed_purchase:
            never_valid[invoice["currency"]] += invoice["amount_remaining"]
    found: Counter[str] = Counter()
    for row in rows:
        found[row["currency"]] += row["shown_minor"]
        assert 0 <= row["owed_minor"] <= row["shown_minor"]
    assert found == shown
    by_rule = {(r["currency"], r["debt_rule"]): r for r in rows}
    for currency, amount in never_valid.items():
        row = by_rule[currency, "never_valid"]
        assert (row["shown_minor"], row["owed_minor"]) == (amount, 0)


def dunning_failures_by_collection_method(world: World, rows: list[Row]) -> None:
    total = world.metric("dunning_failures_per_month", STRIPE_DAY, STRIPE_DAY)
    assert sum(row["lost_renewals"] for row in rows) == total


def stripe_drift_by_verdict(world: World, rows: list[Row]) -> None:
    found: Counter[str] = Counter()
    for row in rows:
        found[row["kind"]] += row["discrepancies"]
    assert found == world.kinds("stripe", STRIPE_DAY)


def zones_that_leak_revenue(world: World, rows: list[Row]) -> None:
    leaks = ("plan_above_engine", "missing_in_engine")
    known = {k for k in open_on(world.truth, "zone_plan", ENGINE_DAY) if k[1] in leaks}
    assert {(row["zone_id"], row["kind"]) for row in rows} == known


def discrepancies_that_came_back(world: World, rows: list[Row]) -> None:
    first = date(2026, 2, 22)
    expected = {}
    for detector in ("stripe", "zone_plan", "triple_store", "entitlement"):
        last = ENGINE_DAY if detector == "zone_plan" else STRIPE_DAY
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        for (entity, kind), life in lives(world.truth, detector, days).items():
            if life.reopened:
                expected[detector, entity, kind] = life.reopened
    found = {(r["detector"], r["entity_id"], r["kind"]): r["reopened"] for r in rows}
    assert found == expected


def why_no_verdict_was_given(world: World, rows: list[Row]) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for detector in ("stripe", "zone_plan", "triple_store", "entitlement"):
        day = ENGINE_DAY if detector == "zone_plan" else STRIPE_DAY
        for reason in excluded_on(world.truth, detector, day).values():
            expected[detector, reason] += 1
    assert {(r["detector"], r["reason"]): r["entities"] for r in rows} == expected


def access_without_payment(world: World, rows: list[Row]) -> None:
    found = {row["kind"]: row["services"] for row in rows}
    assert found == world.kinds("entitlement", STRIPE_DAY)


def checkout_rollbacks_by_phase(world: World, rows: list[Row]) -> None:
    total = world.metric("checkout_rollbacks_per_day", date(2026, 3, 17), ENGINE_DAY)
    assert sum(row["rollbacks"] for row in rows) == total


def green_zone_violations_by_path(world: World, rows: list[Row]) -> None:
    total = world.metric("green_zone_violations_per_day", date(2026, 2, 20), STRIPE_DAY)
    assert sum(row["violations"] for row in rows) == total
    assert {row["is_paypal"] for row in rows} == {True, False}


def service_level_changes_overdue(world: World, rows: list[Row]) -> None:
    assert {row["sslc_id"] for row in rows} == world.faults("overdue_sslc")


def subscriptions_never_paid(world: World, rows: list[Row]) -> None:
    total = world.metric("zero_payment_subscriptions_per_month", STRIPE_DAY, STRIPE_DAY)
    assert len(rows) == total


CHECKS: dict[str, Callable[[World, list[Row]], None]] = {
    check.__name__: check
    for check in (
        bad_debt_by_account_type,
        bad_debt_flow_of_thirty_days,
        stores_that_disagree_on_bad_debt,
        accounts_charged_twice,
        write_offs_by_reason,
        debt_shown_and_debt_owed,
        dunning_failures_by_collection_method,
        stripe_drift_by_verdict,
        zones_that_leak_revenue,
        discrepancies_that_came_back,
        why_no_verdict_was_given,
        access_without_payment,
        checkout_rollbacks_by_phase,
        green_zone_violations_by_path,
        service_level_changes_overdue,
        subscriptions_never_paid,
    )
}


def query(name: str) -> str:
    """The analysis as DuckDB runs it: what dbt would fill in, filled in."""
    layers = {"fct": "marts", "dim": "marts", "rpt": "reporting"}
    return jinja2.Template((ANALYSES / f"{name}.sql").read_text()).render(
        ref=lambda model: f"{layers[model[:3]]}.{model}",
        date_plus_days=lambda day, days: f"({day} + ({days}))",
        date_of=lambda moment: f"cast({moment} as date)",
        start_of_day=lambda day: f"cast({day} as timestamp)",
    )


def test_every_question_has_a_check_and_is_short() -> None:
    files = {path.stem: path.read_text() for path in ANALYSES.glob("*.sql")}
    assert set(files) == set(CHECKS)
    assert len(files) >= 15
    for name, sql in files.items():
        assert sql.startswith("-- ") and sql.splitlines()[0].endswith((".", "?")), name
        assert len(sql.splitlines()) <= 30, name


@pytest.fixture(scope="module")
def world(demo_home: DemoHome) -> World:
    return World(demo_home.home / "world")


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_the_answer_is_the_truth(demo_home: DemoHome, world: World, name: str) -> None:
    with duckdb.connect(str(demo_home.home / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(query(name))
        names = [d[0] for d in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert rows, "a question without an answer proves nothing"
    CHECKS[name](world, rows)
