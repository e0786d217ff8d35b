"""The world's truth against its rows, its ledger and the published levels."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from orchestration.simulation.truth import Truth
from orchestration.simulation.world import generate
from orchestration.simulation.world.evaluate import DETECTORS
from orchestration.simulation.world.metrics import Observer
from orchestration.simulation.world.run import simulate, truth
from orchestration.simulation.world.state import World
from orchestration.simulation.world.times import LAST_DAY_END, NOW
from orchestration.sources.contract import table
from tests.unit.simulation.world_replay import DAY, KEY, Replay, folders, moment, read

FIRST_DAY, LAST_DAY = date(2026, 2, 22), date(2026, 3, 23)
SMALL = 300


@dataclass
class Simulated:
    world: World
    observer: Observer
    changes: Path
    truth: Truth


@pytest.fixture(scope="module", params=[(1, "published"), (2, "calm"), (3, "shipped")])
def simulated(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Simulated:
    seed, scenario = request.param
    world = World(SMALL, seed, scenario)
    folder = tmp_path_factory.mktemp(f"world-{scenario}")
    observer = simulate(world, folder / "changes", lambda share, text: None)
    (folder / "truth.json").write_bytes(orjson.dumps(truth(world, observer)))
    return Simulated(world, observer, folder / "changes", Truth.load(folder / "truth.json"))


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def test_every_fault_that_shows_was_planted_and_every_planted_fault_shows(
    simulated: Simulated,
) -> None:
    ledger = simulated.world.ledger
    assert len(ledger.planted) > 150
    assert ledger.accidents() == []
    assert ledger.unseen() == []


def test_evaluating_only_what_changed_misses_nothing(simulated: Simulated) -> None:
    world = simulated.world
    # The last folder is six hours younger than the last evaluation: evaluate again.
    simulated.observer.end_of_day(LAST_DAY_END + 86_400)
    for name, detect in DETECTORS.items():
        everything = {
            (entity, kind, reason)
            for account in world.accounts
            for entity, kind, reason in detect(world, account, LAST_DAY_END + 86_400)
        }
        shown = {
            (s.entity_id, s.kind, s.days[-1][1])
            for s in world.ledger.spells
            if s.detector == name and s.days[-1][0] == LAST_DAY_END + 86_400
        }
        assert shown == everything
    assert NOW > LAST_DAY_END


def test_state_metrics_equal_what_the_rows_show(simulated: Simulated) -> None:
    metrics, replay = simulated.truth.metrics, Replay()
    before: set[str] = set()
    compared = 0
    for boundary, folder in folders(simulated.changes):
        replay.apply(folder)
        flagged = replay.flagged()
        day = str(boundary.date() - timedelta(days=1))
        if day in metrics["bad_debt_accounts"] and boundary.hour == 0:
            assert metrics["bad_debt_accounts"][day] == len(flagged)
            assert metrics["bad_debt_entries_per_day"][day] == len(flagged - before)
            assert metrics["bad_debt_exits_per_day"][day] == len(before - flagged)
            assert metrics["bad_debt_inconsistent_accounts"][day] == len(replay.inconsistent())
            assert metrics["stuck_in_lifting_accounts"][day] == replay.stuck_in_lifting(boundary)
            assert metrics["stuck_events"][day] == len(replay.rows("engine.subs_stuck_events"))
            zero = metrics["zero_payment_subscriptions_per_month"][day]
            assert zero == replay.zero_payment(boundary)
            compared += 1
        before = flagged
    assert compared == 30


def test_flow_metrics_equal_what_the_rows_show(simulated: Simulated) -> None:
    replay = Replay()
    for _, folder in folders(simulated.changes):
        replay.apply(folder)
    metrics = simulated.truth.metrics
    days = list(metrics["uncollectible_invoices_per_day"])
    assert len(days) == 90
    for day in days[::3]:
        start = _midnight(day)
        end = start + DAY
        marked = replay.marked_uncollectible
        assert metrics["uncollectible_invoices_per_day"][day] == marked(start, end)
        upgrades = marked(start, end, "subscription_update")
        assert metrics["bad_debt_from_upgrades_per_day"][day] == upgrades
        assert metrics["checkout_rollbacks_per_day"][day] == replay.rollbacks(start, end)
        assert metrics["green_zone_violations_per_day"][day] == replay.green_zone(start, end)
        assert metrics["pipe_lag_p95_seconds"][day] == replay.lag_p95(start, end)
        assert metrics["double_charged_accounts"][day] == replay.double_charged(end)
        if day in metrics["dunning_failures_per_month"]:
            since = end - 30 * DAY
            dunning = marked(since, end, "subscription_cycle")
            assert metrics["dunning_failures_per_month"][day] == dunning
            assert metrics["engineering_tickets_per_month"][day] == replay.escalated(since, end)


def test_the_published_levels_hold_at_any_size(simulated: Simulated) -> None:
    if simulated.world.scenario == "shipped":
        pytest.skip("the delivered workstreams change the levels")
    metrics = simulated.truth.metrics
    uncollectible = metrics["uncollectible_invoices_per_day"]
    rollbacks = metrics["checkout_rollbacks_per_day"]
    w01 = [str(date(2025, 12, 29) + timedelta(days=n)) for n in range(7)]
    assert sum(uncollectible[d] for d in w01) == 7 * 48
    assert uncollectible["2026-03-21"] == uncollectible["2026-03-23"] == 35
    assert sum(rollbacks[d] for d in w01) == 7 * 196
    assert rollbacks["2026-03-23"] == 12
    assert 330 <= metrics["engineering_tickets_per_month"]["2026-03-23"] <= 390
    slow = [v for v in metrics["pipe_lag_p95_seconds"].values() if v > 5]
    assert 1 <= len(slow) <= 12


def test_shipped_workstreams_change_the_flows_but_not_the_flags(simulated: Simulated) -> None:
    if simulated.world.scenario != "shipped":
        pytest.skip("nothing was delivered")
    metrics = simulated.truth.metrics
    for metric in ("checkout_rollbacks_per_day", "green_zone_violations_per_day"):
        assert metrics[metric]["2026-03-08"] >= 0
        assert metrics[metric]["2026-03-10"] == 0
    double = metrics["double_charged_accounts"]
    assert double["2026-03-09"] == double["2026-03-23"] > 0
    kinds = {k for _, k in simulated.truth.open_on("entitlement", LAST_DAY)}
    assert kinds == {"paid_but_not_granted"}
    # The prediction that does not come true.
    assert metrics["bad_debt_inconsistent_accounts"]["2026-03-23"] > 0


def test_every_kind_of_fault_has_its_lives(simulated: Simulated) -> None:
    truth_ = simulated.truth
    kinds = Counter((d["detector"], d["kind"]) for d in truth_.discrepancies)
    assert len(kinds) == 5 + 4 + 6 + 1 + 3
    if simulated.world.scenario != "shipped":
        assert min(kinds.values()) >= 5
    first, last = (truth_.open_on("stripe", d) for d in (FIRST_DAY, LAST_DAY))
    assert first - last, "some end"
    assert last - first, "some begin"
    reopened = Counter((d["entity_id"], d["kind"]) for d in truth_.discrepancies)
    assert sum(n > 1 for n in reopened.values()) >= 5
    suspended = {
        (e["detector"], e["entity_id"])
        for e in truth_.exclusions
        for d in truth_.discrepancies
        if (d["detector"], d["entity_id"]) == (e["detector"], e["entity_id"])
        and d["detectable_from"] < e["from"]
    }
    assert len(suspended) >= 5
    reasons = {e["reason"] for e in truth_.exclusions if e["detector"] in ("stripe", "zone_plan")}
    assert reasons == {
        "unsupported_account_type",
        "merged_account",
        "in_flight",
        "invoice_date_too_near",
        "malformed_ope",
    }


def test_open_discrepancies_count_the_same_accounts_as_the_metric(simulated: Simulated) -> None:
    day = date(2026, 3, 10)
    for detector, metric in (
        ("triple_store", "bad_debt_inconsistent_accounts"),
        ("double_charge", "double_charged_accounts"),
    ):
        entities = {entity for entity, _ in simulated.truth.open_on(detector, day)}
        assert simulated.truth.metrics[metric][str(day)] == len(entities)
    accounts = {entity.split(":")[0] for entity, _ in simulated.truth.open_on("entitlement", day)}
    assert simulated.truth.metrics["entitlement_drift_accounts"][str(day)] == len(accounts)


def test_freshness_follows_the_stripe_key(simulated: Simulated) -> None:
    tally = Counter(simulated.truth.freshness.values())
    published = simulated.world.scenario == "published"
    assert tally == ({"stale": 11, "fresh": 7} if published else {"fresh": 18})


def test_a_world_has_as_many_accounts_as_asked_for(simulated: Simulated) -> None:
    assert len(simulated.world.accounts) == SMALL


def test_same_seed_same_bytes_and_a_finished_world_is_kept(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        out = tmp_path / name
        info = generate(SMALL, 9, "published", out)
        assert info.stripe_key_revoked_at == "2026-03-22T06:00:00Z"
        digest = hashlib.sha256()
        for file in sorted(p for p in out.rglob("*") if p.is_file()):
            digest.update(str(file.relative_to(out)).encode() + file.read_bytes())
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]
    (tmp_path / "one" / "truth.json").write_text("kept")
    generate(SMALL, 9, "published", tmp_path / "one")
    assert (tmp_path / "one" / "truth.json").read_text() == "kept"


def test_wrong_arguments_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown scenario 'sunny'; known: published"):
        generate(SMALL, 1, "sunny", tmp_path / "w")
    with pytest.raises(ValueError, match="at least 300 accounts"):
        generate(299, 1, "calm", tmp_path / "w")
    assert list(tmp_path.iterdir()) == []


def test_changesets_keep_the_rules_of_their_format(simulated: Simulated) -> None:
    previous, seen = None, Replay()
    late = 0
    for boundary, folder in folders(simulated.changes):
        keys: set[tuple[str, str]] = set()
        for name, change in read(folder):
            key = change["key"] if change["op"] == "delete" else change["row"][KEY[name]]
            assert (name, key) not in keys, "one line a key and folder"
            keys.add((name, key))
            if change["op"] == "delete":
                assert previous is not None, "the base holds upserts only"
                assert key in seen.tables[name]
                continue
            born = change["row"].get("created") or change["row"].get("created_at")
            assert born is None or moment(born) < boundary, "nothing exists before its creation"
            contract = table(name)
            if contract.source in ("engine", "billing", "core"):
                assert set(change["row"]) == {c.name for c in contract.columns}
                updated = moment(change["row"]["updated_at"])
                assert updated < boundary
                if previous is not None:
                    assert updated >= previous - timedelta(minutes=10)
                    late += updated < previous
        seen.apply(folder)
        previous = boundary
    assert late >= 30


def test_every_change_in_stripe_is_in_the_event_feed(simulated: Simulated) -> None:
    parents = {
        "stripe.subscription_items": "subscription",
        "stripe.invoice_line_items": "invoice",
        "stripe.customers": "id",
        "stripe.subscriptions": "id",
        "stripe.invoices": "id",
        "stripe.payment_intents": "id",
        "stripe.payment_methods": "id",
        "stripe.invoice_payments": "id",
    }
    known: dict[str, str] = {}
    for number, (_, folder) in enumerate(folders(simulated.changes)):
        changes = list(read(folder))
        events = {c["row"]["object_id"] for t, c in changes if t == "stripe.events"}
        for name, change in changes:
            if name not in parents:
                continue
            if change["op"] == "delete":
                if name != "stripe.payment_methods" and number:
                    assert known[change["key"]] in events
                continue
            owner = change["row"][parents[name]]
            known[change["row"]["id"]] = owner
            if number:
                assert owner in events, f"{name} {change['row']['id']} changed silently"


def test_references_lead_somewhere(simulated: Simulated) -> None:
    replay = Replay()
    for _, folder in folders(simulated.changes):
        replay.apply(folder)
    tables = replay.tables
    for child, column, parent in (
        ("stripe.subscriptions", "customer", "stripe.customers"),
        ("stripe.subscription_items", "subscription", "stripe.subscriptions"),
        ("stripe.invoices", "customer", "stripe.customers"),
        ("stripe.invoice_line_items", "invoice", "stripe.invoices"),
        ("stripe.invoice_payments", "invoice", "stripe.invoices"),
        ("engine.subs_customer", "account_id", "engine.subs_account"),
        ("engine.subs_object_products", "account_id", "engine.subs_account"),
        ("engine.subs_sslc", "ope_id", "engine.subs_object_products_element"),
        ("billing.invoices", "invoice_id", "stripe.invoices"),
        ("core.entitlements", "account_id", "core.accounts"),
        ("jira.changelog_items", "issue_id", "jira.issues"),
    ):
        orphans = [r for r in replay.rows(child) if r[column] not in tables[parent]]
        if child == "jira.changelog_items":
            continue
        assert orphans == [], f"{child}.{column}"
        assert replay.rows(child)
    opes = replay.rows("engine.subs_object_products_element")
    assert all(r["object_product_id"] in tables["engine.subs_object_products"] for r in opes)
    assert all(
        i["latest_invoice"] in tables["stripe.invoices"]
        for i in replay.rows("stripe.subscriptions")
        if i["latest_invoice"]
    )


def test_the_pipe_delivers_to_every_handler_and_long_invoices_exist(simulated: Simulated) -> None:
    replay = Replay()
    for _, folder in folders(simulated.changes):
        replay.apply(folder)
    deliveries = replay.rows("engine.webhook_deliveries")
    outcomes = Counter(d["outcome"] for d in deliveries)
    assert set(outcomes) == {"delivered", "failed", "duplicate", "unhandled"}
    assert min(outcomes.values()) >= 5
    lines = Counter(line["invoice"] for line in replay.rows("stripe.invoice_line_items"))
    assert sum(n == 25 for n in lines.values()) == 1
    assert sum(n > 10 for n in lines.values()) >= 5
    handlers = {d["handler"] for d in deliveries} - {None}
    assert len(handlers) == 27
    cancelled = [o for o in replay.rows("engine.subs_object_products_element") if o["deleted_date"]]
    assert len(cancelled) >= 5
