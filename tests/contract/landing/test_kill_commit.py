"""The process is killed (SIGKILL) while a large increment is being committed: all of it or nothing.

Such a commit does not go through the engine's log. The kill comes by the clock, which finds the
engine at work in a statement, and before and after every statement, which finds what is written
apart that belongs together.
"""

from __future__ import annotations

import signal
import time
from datetime import datetime, timedelta
from multiprocessing.connection import Connection, Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from orchestration.settings import Settings
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.warehouse import Warehouse, open_warehouse
from orchestration.warehouse.base import LoadRequest
from orchestration.warehouse.duckdb import DuckDbWarehouse
from orchestration.warehouse.landing import DuckDbStagedLoad
from tests.contract.schedules import killed_run
from tests.contract.simulation.handmade import BASE

STREAM = "engine.subs_stuck_events"
ROWS = 60_000
POINTS = 30
"""Moments of the kill, spread evenly over what a commit took here and a quarter more."""
SHORT = (10, 20)
STATEMENTS = 16
"""Points before and after the statements of such a commit."""
BETWEEN = (8, 12)


def rows_of(day: int) -> pa.Table:
    """Rows that are all different from those of every other day."""
    schema = landed_schema(table(STREAM))
    keys = pc.cast(pa.array(range(ROWS)), pa.string())
    texts = pc.binary_join_element_wise(keys, f"of day {day}, told at some length", " ")
    moments = pa.array([BASE.replace(tzinfo=None) + timedelta(days=day)] * ROWS)
    columns = {
        field.name: (moments if pa.types.is_timestamp(field.type) else texts).cast(field.type)
        for field in schema
    }
    return pa.table({**columns, table(STREAM).primary_key: keys}, schema=schema)


def land(warehouse: Warehouse, day: int) -> None:
    at: datetime = BASE + timedelta(days=day)
    request = LoadRequest(STREAM, at, "run", "delta" if day else "full", at)
    warehouse.land(request, rows_of(day), cursor={"day": day})


def land_in_a_process(home: Path, day: int, told: Connection, kill_at: int | None) -> None:
    commit = DuckDbStagedLoad.commit

    def announced(*args: object) -> object:
        told.send("begun")
        killed_run.Points(kill_at).watch(DuckDbWarehouse, "_run")
        found = commit(*args)  # type: ignore[arg-type]
        told.send("ended")
        return found

    DuckDbStagedLoad.commit = announced  # type: ignore[assignment, method-assign]
    with open_warehouse(Settings(home=home), "write") as warehouse:
        land(warehouse, day)


def begin(home: Path, day: int, kill_at: int | None = None) -> tuple[BaseProcess, Connection]:
    """Land a day in a process of its own; return when its commit has begun."""
    told, tell = Pipe(duplex=False)
    process = killed_run.start(land_in_a_process, home, day, tell, kill_at)
    # Else a process that failed would be waited for: its end of the pipe were still open here.
    tell.close()
    assert told.poll(60)
    assert told.recv() == "begun"
    return process, told


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What an undisturbed commit takes on this machine."""
    home = tmp_path_factory.mktemp("undisturbed")
    with open_warehouse(Settings(home=home), "write") as warehouse:
        land(warehouse, 0)
    process, told = begin(home, 1)
    started = time.perf_counter()
    assert told.recv() == "ended"
    taken = time.perf_counter() - started
    process.join()
    return taken


def days_landed(home: Path) -> tuple[int, int, int, int]:
    """Row versions, those not of the load of their day, loads in the ledger, the cursor's day."""
    with open_warehouse(Settings(home=home), "write") as warehouse:
        (found,) = warehouse.rows(
            "select count(*) as n, count(*) filter (where not exists (select 1 from "
            "ops.load_ledger l where l.load_id = r._load_id and l.as_of = r._as_of)) as strays, "
            "(select count(*) from ops.load_ledger) as loads from raw.engine__subs_stuck_events r"
        )
        cursor = warehouse.cursor(STREAM)
        assert cursor is not None
        return found["n"], found["strays"], found["loads"], cursor.cursor["day"]


def test_a_large_increment_is_not_written_to_the_log_first(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    log = settings.run_warehouse_path.with_name("warehouse.duckdb.wal")
    with open_warehouse(settings, "write") as warehouse:
        land(warehouse, 0)
    with open_warehouse(settings, "write") as warehouse:
        land(warehouse, 1)
        assert not log.exists() or log.stat().st_size < 1_000_000


@pytest.mark.parametrize(
    "point",
    [p if p in SHORT else pytest.param(p, marks=pytest.mark.full) for p in range(POINTS)],
)
def test_a_kill_in_a_large_commit_leaves_all_of_it_or_nothing(
    point: int, seconds: float, tmp_path: Path
) -> None:
    with open_warehouse(Settings(home=tmp_path), "write") as warehouse:
        land(warehouse, 0)
    process, _ = begin(tmp_path, 1)
    time.sleep(1.25 * seconds * point / POINTS)
    process.kill()
    process.join()
    # A late kill may find a process that has ended: the rows are judged all the same.
    assert process.exitcode in (-signal.SIGKILL, 0)
    judge(tmp_path)


@pytest.mark.parametrize(
    "point",
    [
        p if p in BETWEEN else pytest.param(p, marks=pytest.mark.full)
        for p in range(1, STATEMENTS + 1)
    ],
)
def test_a_kill_between_its_statements_leaves_all_of_it_or_nothing(
    point: int, tmp_path: Path
) -> None:
    with open_warehouse(Settings(home=tmp_path), "write") as warehouse:
        land(warehouse, 0)
    process, _ = begin(tmp_path, 1, point)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    judge(tmp_path)


def judge(home: Path) -> None:
    """All of the day has landed or nothing of it, and the next run completes it."""
    assert days_landed(home) in ((ROWS, 0, 1, 0), (2 * ROWS, 0, 2, 1))
    with open_warehouse(Settings(home=home), "write") as warehouse:
        land(warehouse, 1)
    assert days_landed(home) == (2 * ROWS, 0, 2, 1)
