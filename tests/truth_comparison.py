"""Holds a built warehouse against the truth of the simulated world it was extracted from.

`python -m tests.truth_comparison WAREHOUSE.duckdb truth.json` prints a table and exits 1 when
anything differs. Belongs here: what the models must reproduce (metrics a day, freshness,
discrepancies and exclusions a detector and day). Does not: how tickets are classified, the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson

SHOWN = 5
"""Differences printed of one subject; the rest are counted."""
DRIFT_SINCE_LEDGER = ("stripe", "zone_plan", "triple_store", "entitlement")
"""Detectors whose truth lists every exclusion and every day."""

Fault = tuple[str, str]
"""(entity, kind) or (entity, reason)."""


@dataclass
class Comparison:
    """One subject, how much of it was compared, and what differs."""

    subject: str
    compared: int = 0
    differences: list[str] = field(default_factory=list)


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _end(day: date) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(days=1)  # noqa: DTZ001


def _metrics(connection: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> list[Comparison]:
    rows = connection.execute(
        "select metric_id, observation_date, value from metrics.fct_metric_observations"
        " where dimension = 'all'"
    ).fetchall()
    horizons = dict(
        connection.execute("select metric_id, as_of from metrics.fct_metric_status").fetchall()
    )
    observed: dict[str, dict[date, Decimal]] = {}
    for metric_id, day, value in rows:
        observed.setdefault(metric_id, {})[day] = value
    compared = []
    for metric_id in sorted(set(truth["metrics"]) | set(horizons)):
        result = Comparison(f"metric {metric_id}")
        true = {_day(d): Decimal(str(v)) for d, v in truth["metrics"].get(metric_id, {}).items()}
        horizon = horizons.get(metric_id)
        expected = {d: v for d, v in true.items() if horizon is not None and _end(d) <= horizon}
        _compare_series(result, expected, observed.get(metric_id, {}), min(true, default=None))
        if not expected:
            result.differences.append("nothing to compare: the truth or the warehouse has no day")
        compared.append(result)
    return compared


def _compare_series(
    result: Comparison,
    expected: dict[date, Decimal],
    observed: dict[date, Decimal],
    first: date | None,
) -> None:
    for day in sorted(set(expected) | set(observed)):
        if first is not None and day < first:
            continue  # the world had not begun
        result.compared += 1
        true, seen = expected.get(day), observed.get(day)
        if true != seen:
            result.differences.append(f"{day}: truth {true}, warehouse {seen}")


def _freshness(connection: duckdb.DuckDBPyConnection, truth: dict[str, Any]) -> Comparison:
    result = Comparison("freshness")
    rows = connection.execute(
        "select metric_id, freshness, evaluated_at from metrics.fct_metric_status"
    ).fetchall()
    for metric_id, freshness, evaluated_at in rows:
        if evaluated_at != _moment(truth["as_of"]):
            continue
        result.compared += 1
        true = truth["freshness"].get(metric_id)
        if true != freshness:
            result.differences.append(f"{metric_id}: truth {true}, warehouse {freshness}")
    return result


def _within(moment: datetime, begins: str, ends: str | None) -> bool:
    return _moment(begins) <= moment and (ends is None or moment < _moment(ends))


def _true_exclusions(truth: dict[str, Any], detector: str, moment: datetime) -> set[Fault]:
    return {
        (e["entity_id"], e["reason"])
        for e in truth["exclusions"]
        if e["detector"] == detector and _within(moment, e["from"], e["to"])
    }


def _true_faults(truth: dict[str, Any], detector: str, moment: datetime) -> set[Fault]:
    excluded = {entity for entity, _ in _true_exclusions(truth, detector, moment)}
    return {
        (d["entity_id"], d["kind"])
        for d in truth["discrepancies"]
        if d["detector"] == detector
        and d["entity_id"] not in excluded
        and _within(moment, d["detectable_from"], d["ended"])
    }


def _by_day(rows: Iterable[tuple[date, str, str]]) -> dict[date, set[Fault]]:
    days: dict[date, set[Fault]] = {}
    for day, entity, kind in rows:
        days.setdefault(day, set()).add((entity, kind))
    return days


def _differences(day: date, true: set[Fault], seen: set[Fault]) -> list[str]:
    missed = [f"{day}: missed {entity} {kind}" for entity, kind in sorted(true - seen)]
    return missed + [f"{day}: invented {entity} {kind}" for entity, kind in sorted(seen - true)]


def _drift(
    connection: duckdb.DuckDBPyConnection, truth: dict[str, Any], detector: str
) -> list[Comparison]:
    days = [
        row[0]
        for row in connection.execute(
            "select observation_date from intermediate.int_drift__days where detector = ?"
            " order by 1",
            [detector],
        ).fetchall()
    ]
    seen = _by_day(
        connection.execute(
            "select observation_date, entity_id, kind from marts.fct_discrepancy_days"
            " where detector = ?",
            [detector],
        ).fetchall()
    )
    excluded = _by_day(
        connection.execute(
            "select observation_date, entity_id, reason from marts.fct_drift_exclusions"
            " where detector = ?",
            [detector],
        ).fetchall()
    )
    open_ones = Comparison(f"{detector} discrepancies")
    exclusions = Comparison(f"{detector} exclusions")
    if not days:
        open_ones.differences.append("the detector has no complete day")
    first_days: dict[Fault, date] = {}
    for day in days:
        true = _true_faults(truth, detector, _end(day))
        for fault in true:
            first_days.setdefault(fault, day)
        open_ones.compared += len(true)
        open_ones.differences += _differences(day, true, seen.get(day, set()))
        reasons = _true_exclusions(truth, detector, _end(day))
        exclusions.compared += len(reasons)
        exclusions.differences += _differences(day, reasons, excluded.get(day, set()))
    return [open_ones, exclusions, _first_seen(connection, detector, first_days, days)]


def _first_seen(
    connection: duckdb.DuckDBPyConnection,
    detector: str,
    expected: dict[Fault, date],
    days: list[date],
) -> Comparison:
    # What is known from its own times may be older than the days both can speak of.
    first_day = min(days, default=date.max)
    result = Comparison(f"{detector} first seen", compared=len(expected))
    rows = connection.execute(
        "select entity_id, kind, first_seen from marts.fct_discrepancies where detector = ?",
        [detector],
    ).fetchall()
    seen = {(entity, kind): max(day, first_day) for entity, kind, day in rows}
    for fault in sorted(set(expected) | set(seen)):
        if expected.get(fault) != seen.get(fault):
            result.differences.append(
                f"{' '.join(fault)}: truth {expected.get(fault)}, warehouse {seen.get(fault)}"
            )
    return result


def compare(duckdb_path: Path, truth_path: Path) -> list[Comparison]:
    """Every comparison of the warehouse at `duckdb_path` with the truth, equal ones included."""
    truth = orjson.loads(truth_path.read_bytes())
    with duckdb.connect(str(duckdb_path), read_only=True) as connection:
        compared = [*_metrics(connection, truth), _freshness(connection, truth)]
        listed = {d["detector"] for d in truth["discrepancies"]}
        for detector in sorted(listed | set(DRIFT_SINCE_LEDGER)):
            compared += _drift(connection, truth, detector)
    return compared


def compare_with_truth(duckdb_path: Path, truth_path: Path) -> list[str]:
    """Every difference, one line each; an empty list when the warehouse tells the truth."""
    return [
        f"{result.subject}: {difference}"
        for result in compare(duckdb_path, truth_path)
        for difference in result.differences
    ]


def main(arguments: list[str]) -> int:
    """Print the table; 0 when nothing differs, 1 when something does, 2 for wrong arguments."""
    if len(arguments) != 2:
        print("usage: python -m tests.truth_comparison WAREHOUSE.duckdb truth.json")
        return 2
    results = compare(Path(arguments[0]), Path(arguments[1]))
    for result in results:
        print(f"{result.subject:50} {result.compared:8} {len(result.differences):8} different")
        for difference in result.differences[:SHOWN]:
            print(f"    {difference}")
        if len(result.differences) > SHOWN:
            print(f"    and {len(result.differences) - SHOWN} more")
    return 1 if any(result.differences for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
