"""The comparison with the truth sees what is wrong, and only that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from tests.truth_comparison import compare_with_truth, main

TRUTH: dict[str, Any] = {
    "as_of": "2026-03-04T06:00:00Z",
    "metrics": {"stuck_events": {"2026-03-01": 1, "2026-03-02": 0, "2026-03-03": 1.5}},
    "freshness": {"stuck_events": "fresh"},
    "discrepancies": [
        {
            "detector": "stripe",
            "entity_id": "si_1",
            "kind": "price_mismatch",
            "detectable_from": "2026-03-01T00:00:00Z",
            "ended": "2026-03-04T00:00:00Z",
        }
    ],
    "exclusions": [
        {
            "detector": "stripe",
            "entity_id": "si_1",
            "reason": "in_flight",
            "from": "2026-03-03T00:00:00Z",
            "to": "2026-03-04T00:00:00Z",
        }
    ],
}
WAREHOUSE = """
create schema metrics; create schema intermediate; create schema marts;
create table metrics.fct_metric_observations as
select 'stuck_events' as metric_id, date '2026-03-01' as observation_date,
    cast(1 as decimal(38, 9)) as value, 'all' as dimension
union all select 'stuck_events', date '2026-03-02', 0, 'all'
union all select 'stuck_events', date '2026-03-03', 1.5, 'all';
create table metrics.fct_metric_status as
select 'stuck_events' as metric_id, timestamp '2026-03-04 06:00:00' as as_of,
    'fresh' as freshness, timestamp '2026-03-04 06:00:00' as evaluated_at;
create table intermediate.int_drift__days as
select detector, cast(day as date) as observation_date
from unnest(['stripe', 'zone_plan', 'triple_store', 'entitlement']) as detectors(detector),
    unnest([date '2026-03-01', date '2026-03-02', date '2026-03-03']) as days(day);
create table marts.fct_discrepancy_days as
select 'stripe' as detector, date '2026-03-01' as observation_date, 'si_1' as entity_id,
    'price_mismatch' as kind;
create table marts.fct_drift_exclusions as
select 'stripe' as detector, date '2026-03-02' as observation_date, 'si_1' as entity_id,
    'in_flight' as reason;
create table marts.fct_discrepancies as
select 'stripe' as detector, 'si_1' as entity_id, 'price_mismatch' as kind,
    date '2026-03-01' as first_seen;
"""

Compare = Callable[[str], list[str]]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    (tmp_path / "truth.json").write_bytes(orjson.dumps(TRUTH))

    def run(change: str) -> list[str]:
        database = tmp_path / "warehouse.duckdb"
        database.unlink(missing_ok=True)
        with duckdb.connect(str(database)) as connection:
            connection.execute(WAREHOUSE + change)
        return compare_with_truth(database, tmp_path / "truth.json")

    return run


def test_a_true_warehouse_has_no_difference(compare: Compare) -> None:
    assert compare("") == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "update metrics.fct_metric_observations set value = 1.500000001 where value = 1.5;",
            "metric stuck_events: 2026-03-03: truth 1.5, warehouse 1.500000001",
        ),
        (
            "delete from metrics.fct_metric_observations where value = 0;",
            "metric stuck_events: 2026-03-02: truth 0, warehouse None",
        ),
        (
            "insert into metrics.fct_metric_observations"
            " values ('stuck_events', '2026-03-04', 1, 'all');",
            "metric stuck_events: 2026-03-04: truth None, warehouse 1.000000000",
        ),
        (
            "update metrics.fct_metric_status set freshness = 'stale';",
            "freshness: stuck_events: truth fresh, warehouse stale",
        ),
        (
            "delete from marts.fct_discrepancy_days;",
            "stripe discrepancies: 2026-03-01: missed si_1 price_mismatch",
        ),
        (
            "insert into marts.fct_discrepancy_days"
            " values ('zone_plan', '2026-03-02', 'zon_1', 'missing_in_www');",
            "zone_plan discrepancies: 2026-03-02: invented zon_1 missing_in_www",
        ),
        (
            "update marts.fct_drift_exclusions set reason = 'merged_account';",
            "stripe exclusions: 2026-03-02: missed si_1 in_flight",
        ),
        (
            "update marts.fct_discrepancies set first_seen = '2026-03-02';",
            "stripe first seen: si_1 price_mismatch: truth 2026-03-01, warehouse 2026-03-02",
        ),
        (
            "delete from metrics.fct_metric_status;",
            "metric stuck_events: nothing to compare: the truth or the warehouse has no day",
        ),
        (
            "delete from intermediate.int_drift__days where detector = 'entitlement';",
            "entitlement discrepancies: the detector has no complete day",
        ),
    ],
)
def test_each_difference_is_named(compare: Compare, change: str, expected: str) -> None:
    assert expected in compare(change)


def test_wrong_arguments_say_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().out
