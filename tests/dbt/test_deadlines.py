"""Every reader says of every stream at the same moment whether it is late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dashboards.evidence import read_evidence
from expectations.runner import run_checks
from orchestration.alerting.evaluate import read_streams
from orchestration.drift_reading import DETECTORS, freshness
from orchestration.sources.contract import CONTRACT
from tests.dbt.conftest import Dbt
from tests.dbt.freshness_pairs import Bench


@pytest.fixture
def bench(built: Dbt, tmp_path: Path) -> Iterator[Bench]:
    with Bench(built.warehouse, built.target, tmp_path) as made:
        yield made


def late_streams(bench: Bench, now: datetime) -> set[str]:
    """The streams that are late at `now`; page, checks and alerts have to agree on each."""
    bench.evaluate(now)
    page = read_evidence(bench)  # type: ignore[arg-type]
    said = {
        "page": {t.stream for t in CONTRACT if page.source(t.stream).is_stale},
        "alerts": {s.stream for s in read_streams(bench, now) if s.is_late},  # type: ignore[arg-type]
        "checks": {
            r.check.subject
            for r in run_checks(bench, now)
            if (r.check.subject_kind, r.check.rule) == ("stream", "freshness")
            and r.verdict != "passed"
        },
    }
    assert said["page"] == said["alerts"] == said["checks"], now
    return said["page"]


def stale_detectors(bench: Bench, now: datetime) -> set[str]:
    """The detectors with a stale side at `now`, as the command, its model and the metric say."""
    bench.evaluate(now)
    by_command = {d for d in DETECTORS if freshness(bench, d, now)["stale_sides"]}  # type: ignore[arg-type]
    by_model = bench.rows("select distinct detector from reporting.rpt_drift_sides where is_stale")
    by_metric = bench.rows(
        "select distinct detector from seeds.drift_kinds "
        "inner join metrics.fct_metric_status using (metric_id) where freshness <> 'fresh'"
    )
    assert by_command == {r["detector"] for r in by_model} == {r["detector"] for r in by_metric}
    return by_command


def test_page_checks_and_alerts_agree_on_both_sides_of_every_deadline(bench: Bench) -> None:
    calm = bench.evaluated_at()
    assert late_streams(bench, calm) == set()
    rows = bench.rows("select stream, as_of, fresh_until from reporting.rpt_stream_status")
    assert {r["stream"] for r in rows} == {t.stream for t in CONTRACT}
    until = {r["stream"]: r["fresh_until"].replace(tzinfo=calm.tzinfo) for r in rows}
    for deadline in sorted(set(until.values())):
        for now in (deadline, deadline + timedelta(seconds=1)):
            assert late_streams(bench, now) == {s for s, end in until.items() if now > end}


def test_a_list_swept_weekly_is_fresh_from_sweep_to_sweep(bench: Bench) -> None:
    calm = bench.evaluated_at()
    bench.delay("stripe.payment_methods", hours=30)
    bench.delay("stripe.events", hours=30)
    assert late_streams(bench, calm) == {"stripe.events"}
    swept = timedelta(hours=7 * 24 + 26)
    (row,) = bench.rows(
        "select as_of, fresh_until from reporting.rpt_stream_status "
        "where stream = 'stripe.payment_methods'"
    )
    assert calm.replace(tzinfo=None) - row["as_of"] == timedelta(hours=30)
    assert row["fresh_until"] - row["as_of"] == swept


def test_a_stream_never_read_is_late_for_everyone(bench: Bench) -> None:
    now = bench.evaluated_at()
    bench.db.execute("delete from ops.load_ledger where stream in ('core.zones', 'stripe.events')")
    assert late_streams(bench, now) == {"core.zones", "stripe.events"}
    assert stale_detectors(bench, now) == {"zone_plan"}


@pytest.mark.parametrize("calendar", ["", "weekends"])
def test_a_side_of_a_detector_is_stale_by_the_window_of_its_metric(
    bench: Bench, calendar: str
) -> None:
    bench.db.execute("update seeds.metric_catalogue set calendar = ?", [calendar])
    bench.delay("core.zones", hours=30)
    bench.evaluate()
    (row,) = bench.rows(
        "select fresh_until from metrics.fct_metric_status "
        "where metric_id = 'zone_plan_drift_accounts'"
    )
    end = row["fresh_until"].replace(tzinfo=bench.evaluated_at().tzinfo)
    assert "zone_plan" not in stale_detectors(bench, end)
    assert "zone_plan" in stale_detectors(bench, end + timedelta(seconds=1))
