"""A late stream makes exactly the metrics that stand on it stale, and is named; every pair."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.alerting.evaluate import read_causes, read_metrics
from orchestration.sources.contract import CONTRACT
from tests.conftest import run_paygo
from tests.dbt.conftest import PROJECT, Dbt
from tests.dbt.freshness_pairs import Bench, pair_table

with (PROJECT / "seeds" / "metric_catalogue.csv").open(newline="") as file:
    STREAMS = {row["metric_id"]: set(row["streams"].split(";")) for row in csv.DictReader(file)}


@pytest.fixture
def bench(built: Dbt, tmp_path: Path) -> Iterator[Bench]:
    with Bench(built.warehouse, built.target, tmp_path) as made:
        yield made


def hold(bench: Bench) -> None:
    """Every stream × metric pair; the incident of the late source names the same metrics."""
    calm = bench.evaluate()
    assert {freshness for freshness, _ in calm.values()} == {"fresh"}
    table = pair_table(bench, hours=50)
    assert set(table) == {t.stream for t in CONTRACT}
    pairs = 0
    for stream, status in table.items():
        for metric, (freshness, culprit) in status.items():
            pairs += 1
            if stream in STREAMS[metric]:
                assert (freshness, culprit) == ("stale", stream), (stream, metric)
            else:
                assert (freshness, culprit) == calm[metric], (stream, metric)
    assert pairs == len(CONTRACT) * len(STREAMS)


def test_exactly_the_metrics_on_a_late_stream_flip_and_name_it(bench: Bench) -> None:
    hold(bench)


@pytest.mark.full
def test_the_same_from_the_calm_scenario(tmp_path: Path) -> None:
    home = tmp_path / "home"
    demo = run_paygo(home, "demo", "--accounts", "300", "--scenario", "calm")
    assert demo.returncode == 0, demo.stderr
    with Bench(home / "warehouse.duckdb", home / "dbt" / "target", tmp_path) as bench:
        hold(bench)


@pytest.mark.parametrize("stream", ["stripe.invoices", "jira.issues", "core.zones"])
def test_a_late_stream_is_one_cause_that_names_its_metrics(bench: Bench, stream: str) -> None:
    bench.delay(stream, hours=50)
    bench.evaluate()
    now = bench.evaluated_at()
    metrics, _ = read_metrics(bench, now)  # type: ignore[arg-type]
    causes = read_causes(bench, metrics, now)  # type: ignore[arg-type]
    late = [c for c in causes if c.kind == "late_source"]
    assert [c.name for c in late] == [stream.split(".")[0]]
    assert set(late[0].metrics) == {m for m, streams in STREAMS.items() if stream in streams}
    assert stream in late[0].message


def test_of_two_late_streams_the_older_is_named(bench: Bench) -> None:
    bench.delay("stripe.invoices", hours=30)
    bench.delay("stripe.subscriptions", hours=50)
    status = bench.evaluate()
    assert status["zero_payment_subscriptions_per_month"] == ("stale", "stripe.subscriptions")
    assert status["uncollectible_invoices_per_day"] == ("stale", "stripe.invoices")


def test_a_backfill_of_old_data_turns_nothing_fresh(bench: Bench) -> None:
    bench.delay("stripe.invoices", hours=50)
    before = bench.evaluate()
    for mode, as_of in (("full", "2026-01-01"), ("sweep", "2026-02-28"), ("delta", "2026-03-01")):
        bench.db.execute(
            "insert into ops.load_ledger values (?, 'stripe.invoices', 'stripe', ?, 'reload', ?, "
            "1000000, 0, '{}', '', timestamp '2026-03-03 05:59:59')",
            [f"reload-{mode}", as_of, mode],
        )
        assert bench.evaluate() == before
    assert before["uncollectible_invoices_per_day"] == ("stale", "stripe.invoices")


def test_a_stream_never_read_leaves_its_metrics_unknown(bench: Bench) -> None:
    bench.db.execute("delete from ops.load_ledger where stream = 'engine.subs_stuck_events'")
    status = bench.evaluate()
    assert status["stuck_events"] == ("unknown", "engine.subs_stuck_events")
    assert {m for m, (freshness, _) in status.items() if freshness != "fresh"} == {"stuck_events"}


def test_the_streams_of_the_catalogue_are_those_that_the_models_read(built: Dbt) -> None:
    """Lineage from the raw tables: no metric stands on a stream that does not date it."""
    nodes = built.manifest()["nodes"]
    by_drift = {m for m in STREAMS if "drift_metric" in _sql(m)}
    extra = {
        # Says which category a ticket has; how many there are does not depend on it.
        "engineering_tickets_per_month": {"tickets.classifications"},
    }
    for metric, declared in STREAMS.items():
        read = _upstream(nodes, f"model.paygo.metric_{metric}") - extra.get(metric, set())
        assert declared <= read, metric
        if metric not in by_drift:
            assert read - declared == set(), metric


def _sql(metric: str) -> str:
    return (PROJECT / "models" / "metrics" / f"metric_{metric}.sql").read_text(encoding="utf-8")


def _upstream(nodes: dict[str, dict[str, object]], start: str) -> set[str]:
    found: set[str] = set()
    waiting, seen = [start], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name.endswith("int_time__metric_days"):
            continue
        seen.add(name)
        if name.startswith("source.paygo.raw."):
            source, table = name.removeprefix("source.paygo.raw.").split("__", 1)
            found.add(f"{source}.{table}")
        waiting += (
            json.loads(json.dumps(nodes.get(name, {}))).get("depends_on", {}).get("nodes", [])
        )
    return found
