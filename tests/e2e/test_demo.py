"""The whole path on real parts: extraction over real protocols, models, checks, page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.checks import all_checks
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT, tables
from orchestration.workspace import run_lock
from tests.conftest import DemoHome
from tests.truth_comparison import compare, compare_with_truth

FRESH = {
    "bad_debt_entries_per_day",
    "bad_debt_exits_per_day",
    "checkout_rollbacks_per_day",
    "engineering_tickets_per_month",
    "pipe_lag_p95_seconds",
    "stuck_events",
    "zone_plan_drift_accounts",
}


def document(home: DemoHome, *arguments: str, **environment: str) -> dict[str, Any]:
    result = home.paygo(*arguments, "--json", **environment)
    assert result.returncode == 0, result.stderr
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def fingerprints(home: Path) -> dict[str, tuple[Any, ...]]:
    """Rows and canonical hash of every raw table, of the claims and of the editions."""
    hashes: dict[str, tuple[Any, ...]] = {}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        for table in CONTRACT:
            sql = (
                "select count(*), md5(string_agg(_row_hash || _as_of || _is_deleted, ',' "
                f"order by {table.primary_key}, _as_of)) from raw.{table.raw_name}"
            )
            hashes[table.stream] = db.execute(sql).fetchone() or ()
        for name, order in (("claims", "edition_id, claim_id"), ("editions", "edition_id")):
            sql = (
                f"select count(*), md5(string_agg(t::varchar, ',' order by {order})) "
                f"from ops.{name} as t"
            )
            hashes[name] = db.execute(sql).fetchone() or ()
        for name in ("load_ledger", "incidents"):
            hashes[name] = db.execute(f"select count(*) from ops.{name}").fetchone() or ()
    return hashes


def test_the_demo_says_what_failed_by_plan_and_where_the_page_is(demo_home: DemoHome) -> None:
    said = demo_home.result.stdout
    assert "failed as the scenario plans" in said
    assert "stripe.invoices" in said
    assert "FAILED" not in said
    assert "problem" not in said
    assert str(demo_home.home / "site" / "index.html") in said.replace("\n", "")
    assert (demo_home.home / "site" / "index.html").stat().st_size > 10_000


def test_seven_metrics_are_fresh_and_eleven_stale_with_their_culprit(demo_home: DemoHome) -> None:
    status = document(demo_home, "status")
    assert status["as_of"] == "2026-03-24T06:00:00Z"
    metrics = {m["metric"]: m for m in status["metrics"]}
    assert {name for name, m in metrics.items() if m["freshness"] == "fresh"} == FRESH
    stale = [m for m in metrics.values() if m["freshness"] == "stale"]
    assert len(stale) == 11
    assert {m["oldest_source"].split(".")[0] for m in stale} == {"stripe"}
    assert {m["stale_by_hours"] for m in stale} == {54}
    assert {m["as_of"] for m in stale} == {"2026-03-22T00:00:00Z"}
    assert all(m["evidence"] == "measured" for m in metrics.values())


def test_a_pipeline_that_has_died_shows_stale(demo_home: DemoHome) -> None:
    status = document(demo_home, "status", PAYGO_NOW="2026-04-01T00:00:00Z")
    assert {m["freshness"] for m in status["metrics"]} == {"stale"}


def test_every_metric_of_every_complete_day_equals_the_truth(demo_home: DemoHome) -> None:
    warehouse = demo_home.home / "warehouse.duckdb"
    truth = demo_home.home / "world" / "truth.json"
    assert compare_with_truth(warehouse, truth) == []
    assert sum(result.compared for result in compare(warehouse, truth)) > 1_000


def test_every_check_has_a_verdict_and_only_freshness_of_stripe_fails(demo_home: DemoHome) -> None:
    with duckdb.connect(str(demo_home.home / "warehouse.duckdb"), read_only=True) as db:
        rows = db.execute("select rule, subject, verdict from ops.check_results").fetchall()
    assert len(rows) == len(all_checks())
    assert [row for row in rows if row[2] == "broken"] == []
    failed = {(rule, subject) for rule, subject, verdict in rows if verdict == "failed"}
    assert {rule for rule, _ in failed} == {"freshness"}
    # Payment methods are swept once a week: two days without the key are no failure yet.
    late = {t.stream for t in tables("stripe")} - {"stripe.payment_methods"}
    assert {subject for _, subject in failed if subject.startswith("stripe.")} == late
    assert len(failed) == len(late) + 11


def test_one_alert_names_the_late_source_and_its_metrics(demo_home: DemoHome) -> None:
    alerts = document(demo_home, "alerts")["alerts"]
    late = [a for a in alerts if a["cause_kind"] == "late_source"]
    assert [a["cause"] for a in late] == ["stripe"]
    assert len(late[0]["metrics"]) == 11


@pytest.mark.parametrize("detector", ["stripe", "zone_plan", "triple_store", "entitlement"])
def test_drift_lists_discrepancies_and_reasons(demo_home: DemoHome, detector: str) -> None:
    found = document(demo_home, "drift", "--detector", detector)
    truth = json.loads((demo_home.home / "world" / "truth.json").read_text(encoding="utf-8"))
    known = {d["entity_id"] for d in truth["discrepancies"] if d["detector"] == detector}
    assert {d["entity_id"] for d in found["discrepancies"]} <= known
    assert found["discrepancies"]
    assert all(e["reason"] for e in found["exclusions"])
    earlier = document(demo_home, "drift", "--detector", detector, "--date", "2026-03-10")
    assert earlier["date"] == "2026-03-10"
    open_then = [d for d in earlier["discrepancies"] if d["state"] != "suspended"]
    assert {d["last_seen"] for d in open_then} == {"2026-03-10"}
    assert all(d["last_seen"] < "2026-03-10" for d in earlier["discrepancies"]
               if d["state"] == "suspended")  # fmt: skip


def test_a_day_without_verdict_is_refused(demo_home: DemoHome) -> None:
    result = demo_home.paygo("drift", "--detector", "stripe", "--date", "2026-03-23")
    assert result.returncode == 1
    assert "lie between 2026-02-22 and 2026-03-21" in result.stderr


def test_an_account_is_told_over_the_stores(demo_home: DemoHome) -> None:
    with duckdb.connect(str(demo_home.home / "warehouse.duckdb"), read_only=True) as db:
        row = db.execute(
            "select account_id from staging.stg_engine__customers "
            "where stripe_customer_id is not null order by account_id limit 1"
        ).fetchone()
    assert row
    events = document(demo_home, "account", row[0])["events"]
    assert {"subs_account", "subs_customer", "core_prod", "stripe"} <= {e["store"] for e in events}
    moments = [e["at"] for e in events]
    assert moments == sorted(moments)


def test_reading_works_while_a_run_holds_the_working_copy(demo_home: DemoHome) -> None:
    settings = Settings.model_validate({"home": demo_home.home})
    with run_lock(settings), duckdb.connect(str(settings.run_warehouse_path)):
        assert len(document(demo_home, "status")["metrics"]) == 18
        assert document(demo_home, "verify")["differs"] == []
        refused = demo_home.paygo("run")
    assert refused.returncode == 1


def test_the_digest_of_a_week_is_written(demo_home: DemoHome) -> None:
    result = demo_home.paygo("digest", "--week", "2026-W12")
    assert result.returncode == 0, result.stderr
    paths = [Path(line) for line in result.stdout.split()]
    texts = [
        (p if p.is_absolute() else demo_home.home.parent / p).read_text(encoding="utf-8")
        for p in paths
    ]
    assert len(texts) == 2
    assert all("2026-W12" in text for text in texts)


def test_the_graph_is_counted(demo_home: DemoHome) -> None:
    graph = document(demo_home, "graph")
    assert graph["nodes"] == sum(row["nodes"] for row in graph["by_kind"]) > 0
    assert demo_home.paygo("graph", "lint").returncode == 0


def test_the_platform_is_gone_after_the_demo_and_a_run_says_so(demo_home: DemoHome) -> None:
    doctor = demo_home.paygo("doctor")
    assert doctor.returncode == 1
    assert "FAIL  stripe" in doctor.stdout
    assert "fixed at 2026-03-24T06:00:00Z" in doctor.stdout


def test_running_again_changes_no_row_no_claim_no_edition(demo_home: DemoHome) -> None:
    before = fingerprints(demo_home.home)
    page = (demo_home.home / "site" / "index.html").read_bytes()
    again = demo_home.paygo("demo", "--accounts", "600", "--seed", "1")
    assert again.returncode == 0, again.stderr
    assert fingerprints(demo_home.home) == before
    assert (demo_home.home / "site" / "index.html").read_bytes() == page
