"""What must not matter to the ledger does not: order, repetition, re-runs. A stale side is named.

One world, landed and built in different ways. What it must say is held against the truth elsewhere.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.drift_reading import drift_document, freshness, staleness_sentence
from orchestration.simulation.world import generate
from tests.replay.conftest import AS_OF
from tests.replay.landing import Landing, folders, moment
from tests.replay.models import CompiledProject
from tests.replay.test_exactness import ACCOUNTS, TARGETS

NOW = datetime.fromisoformat(AS_OF)
DAY_TABLES = ("marts.fct_discrepancy_days", "marts.fct_drift_exclusions")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replays") / "world"
    generate(ACCOUNTS, 1, "calm", folder)
    return folder


class Reader:
    """What a reading command sees of a connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str, params: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        found = self._connection.execute(sql, list(params))
        names = [d[0] for d in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def rows(connection: duckdb.DuckDBPyConnection, until: date | None = None) -> list[list[Any]]:
    """Days, exclusions and, unless cut at a day, the ledger: everything, in one order.

    Cut at a day, double charges are left out: they are observed on the trailing ninety days.
    """
    kept = f"where observation_date <= date '{until}' and detector <> 'double_charge'"
    where = "" if until is None else kept
    found = [
        connection.execute(f"select * from {table} {where} order by all").fetchall()
        for table in DAY_TABLES
    ]
    if until is None:
        found.append(
            connection.execute("select * from marts.fct_discrepancies order by all").fetchall()
        )
    assert all(found)
    return found


def test_neither_order_of_arrival_nor_repetition_matters(
    tmp_path: Path, world: Path, project: CompiledProject
) -> None:
    with Landing(tmp_path / "warehouse.duckdb", world, project.streams(TARGETS)) as landing:
        landing.land(folders(world))
        project.build(landing.connection, TARGETS)
        once = rows(landing.connection)
        project.build(landing.connection, TARGETS)
        assert rows(landing.connection) == once
    (tmp_path / "mixed").mkdir()
    mixed = tmp_path / "mixed" / "warehouse.duckdb"
    with Landing(mixed, world, project.streams(TARGETS), shuffle=7) as landing:
        landing.land(folders(world))
        project.build(landing.connection, TARGETS)
        assert rows(landing.connection) == once


def test_later_days_leave_earlier_ones_as_they_were(
    tmp_path: Path, world: Path, project: CompiledProject
) -> None:
    """A day is judged once; neither the days after it nor a run of an old day change another."""
    every = folders(world)
    early, cut = every[:20], date(2026, 3, 12)
    assert moment(early[-1]).date() == date(2026, 3, 13)
    then = project.at(AS_OF, "2026-03-13T00:00:00Z")
    with Landing(tmp_path / "warehouse.duckdb", world, project.streams(TARGETS)) as landing:
        landing.land(early)
        then.build(landing.connection, TARGETS)
        before = rows(landing.connection, until=cut)
        landing.land(every[20:])
        project.build(landing.connection, TARGETS)
        after = rows(landing.connection)
        assert rows(landing.connection, until=cut) == before
        then.build(landing.connection, TARGETS)
        project.build(landing.connection, TARGETS)
        assert rows(landing.connection) == after


@pytest.mark.parametrize(
    ("source", "stale", "fresh"),
    [("stripe", ("stripe", "triple_store", "entitlement"), ("zone_plan",)),
     ("core", ("zone_plan", "entitlement"), ("stripe", "triple_store"))],
)  # fmt: skip
def test_a_stale_side_is_named_and_opens_nothing(
    tmp_path: Path,
    world: Path,
    project: CompiledProject,
    source: str,
    stale: tuple[str, ...],
    fresh: tuple[str, ...],
) -> None:
    every = folders(world)
    last = moment(every[25]).date()
    with Landing(tmp_path / "warehouse.duckdb", world, project.streams(TARGETS)) as landing:
        landing.land(every[:26])
        landing.land(every[26:], failed={source})
        project.build(landing.connection, TARGETS)
        reader: Any = Reader(landing.connection)
        for detector in stale:
            document = drift_document(reader, detector, None, NOW)
            assert document["stale_sides"] == [source]
            assert source in (staleness_sentence(document) or "")
            assert date.fromisoformat(document["date"]) < last
            assert {s["side"] for s in document["sides"] if not s["is_stale"]}
            later = landing.connection.execute(
                "select count(*) from marts.fct_discrepancies"
                " where detector = ? and last_opened_on > ?",
                [detector, document["date"]],
            ).fetchone()
            assert later == (0,)
        for detector in fresh:
            document = drift_document(reader, detector, None, NOW)
            assert document["freshness"] == "fresh"
            assert document["date"] == "2026-03-23"
            assert staleness_sentence(document) is None
        marked = landing.connection.execute(
            "select distinct side from reporting.rpt_drift_sides where is_stale"
        ).fetchall()
        assert marked == [(source,)]


def test_staleness_is_counted_to_the_readers_clock(
    tmp_path: Path, world: Path, project: CompiledProject
) -> None:
    """A pipeline that has died shows stale, though its last build was fresh."""
    with Landing(tmp_path / "warehouse.duckdb", world, project.streams(TARGETS)) as landing:
        landing.land(folders(world))
        project.build(landing.connection, TARGETS)
        reader: Any = Reader(landing.connection)
        assert freshness(reader, "stripe", NOW)["freshness"] == "fresh"
        later = datetime(2026, 3, 25, 9, tzinfo=UTC)
        assert freshness(reader, "stripe", later)["stale_sides"] == ["engine", "stripe"]
