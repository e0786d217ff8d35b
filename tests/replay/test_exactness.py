"""Thirty days of a world with every fault, replayed: the ledger knows each life to the day.

Each seed is another world. Land, build, and hold every verdict, exclusion, life and daily count
against what the truth says of it; precision and recall are 1 or the test fails.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.simulation.world import generate
from tests.replay.landing import Landing, folders
from tests.replay.lives import Life, excluded_on, lives, open_on
from tests.replay.models import CompiledProject

ACCOUNTS = 300
DETECTORS = ("stripe", "zone_plan", "triple_store", "entitlement")
TARGETS = (
    "fct_discrepancies",
    "fct_discrepancy_days",
    "fct_drift_exclusions",
    "fct_malformed_rows",
    "rpt_drift_daily",
    "rpt_drift_days",
    "rpt_drift_exclusions",
    "rpt_drift_current",
    "rpt_drift_sides",
)
QUICK, REST = (1, 2, 3), tuple(range(4, 21))

REASONS = {
    "stripe": ("unsupported_account_type", "merged_account", "in_flight", "invoice_date_too_near"),
    "zone_plan": ("unsupported_account_type", "merged_account", "in_flight"),
    "triple_store": ("merged_account",),
    "entitlement": ("merged_account",),
}
KINDS = {
    "stripe": (
        "missing_in_stripe",
        "orphan_in_stripe",
        "status_mismatch",
        "price_mismatch",
        "quantity_mismatch",
    ),
    "zone_plan": (
        "plan_above_engine",
        "plan_below_engine",
        "missing_in_engine",
        "missing_in_www",
    ),
    "triple_store": ("001", "010", "011", "100", "101", "110"),
    "entitlement": ("granted_but_unpaid", "paid_but_not_granted", "kept_after_bad_debt"),
}
NO_TWIN = {("zone_plan", "missing_in_engine", "in_flight")}
"""A zone without an OPE has nothing that a workflow could hold."""


def replayed(folder: Path, project: CompiledProject, seed: int, **options: Any) -> Path:
    """Generate a world, land it and build what the detectors need; returns the warehouse."""
    generate(ACCOUNTS, seed, "calm", folder / "world")
    warehouse = folder / "warehouse.duckdb"
    streams = project.streams(TARGETS)
    with Landing(warehouse, folder / "world", streams, **options) as landing:
        landing.land(folders(folder / "world"))
        project.build(landing.connection, TARGETS)
    return warehouse


def truth_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "world" / "truth.json").read_text())
    return found


def observed_days(connection: duckdb.DuckDBPyConnection, detector: str) -> list[date]:
    sql = "select observation_date from intermediate.int_drift__days where detector = ? order by 1"
    return [row[0] for row in connection.execute(sql, [detector]).fetchall()]


def ledger(connection: duckdb.DuckDBPyConnection, detector: str) -> dict[tuple[str, str], tuple]:
    rows = connection.execute(
        "select entity_id, kind, first_seen, last_seen, days_open, reopened, state,"
        " is_opening_stock from reporting.rpt_drift_current where detector = ?",
        [detector],
    ).fetchall()
    return {(row[0], row[1]): row[2:] for row in rows}


def as_ledger(life: Life) -> tuple:
    return (
        life.first_seen,
        life.last_seen,
        life.days_open,
        life.reopened,
        life.state,
        life.is_opening_stock,
    )


def check_detector(
    connection: duckdb.DuckDBPyConnection, truth: dict[str, Any], detector: str
) -> None:
    days = observed_days(connection, detector)
    assert len(days) == 30
    for day in days:
        seen = connection.execute(
            "select entity_id, kind from marts.fct_discrepancy_days"
            " where detector = ? and observation_date = ?",
            [detector, day],
        ).fetchall()
        assert set(seen) == open_on(truth, detector, day), f"{detector} on {day}"
        excluded = connection.execute(
            "select entity_id, reason from marts.fct_drift_exclusions"
            " where detector = ? and observation_date = ?",
            [detector, day],
        ).fetchall()
        assert dict(excluded) == excluded_on(truth, detector, day), f"{detector} on {day}"
        assert len(excluded) == len(dict(excluded))
    expected = lives(truth, detector, days)
    assert ledger(connection, detector) == {key: as_ledger(x) for key, x in expected.items()}
    check_daily(connection, detector, expected, days)


def check_daily(
    connection: duckdb.DuckDBPyConnection,
    detector: str,
    expected: dict[tuple[str, str], Life],
    days: list[date],
) -> None:
    rows = connection.execute(
        "select observation_date, sum(new_count), sum(resolved_count), sum(opening_count)"
        " from reporting.rpt_drift_daily where detector = ? group by 1",
        [detector],
    ).fetchall()
    counted = {day: (int(new), int(gone), int(found)) for day, new, gone, found in rows}
    assert counted == {
        day: (
            sum(day in life.new_days for life in expected.values()),
            sum(day in life.resolved_days for life in expected.values()),
            sum(life.is_opening_stock for life in expected.values()) if day == days[0] else 0,
        )
        for day in days
    }


def check_world(warehouse: Path, truth: dict[str, Any]) -> None:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for detector in DETECTORS:
            check_detector(connection, truth, detector)
        malformed = connection.execute(
            "select distinct entity_id from marts.fct_malformed_rows"
            " where store = 'subs_object_products_element'"
        ).fetchall()
        noted = [f["entity_id"] for f in truth["faults"] if f["detector"] == "malformed_ope"]
        assert {row[0] for row in malformed} == set(noted)


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(s, marks=pytest.mark.full) for s in REST)])
def test_thirty_days_are_known_to_the_day(
    tmp_path: Path, project: CompiledProject, seed: int
) -> None:
    warehouse = replayed(tmp_path, project, seed)
    check_world(warehouse, truth_of(tmp_path))


def test_every_kind_is_planted_beside_its_look_alikes(tmp_path: Path) -> None:
    """A world without a fault, or without its excluded twin, would prove nothing."""
    generate(ACCOUNTS, 1, "calm", tmp_path / "world")
    truth = truth_of(tmp_path)
    found = {(d["detector"], d["kind"]) for d in truth["discrepancies"]}
    assert found >= {(detector, kind) for detector in KINDS for kind in KINDS[detector]}
    twins = {(d, k, reason) for d in KINDS for k in KINDS[d] for reason in REASONS[d]}
    excluded = {(e["detector"], e["would_be_kind"], e["reason"]) for e in truth["exclusions"]}
    assert twins - excluded == NO_TWIN
