"""A first load too large to compare in memory: written at once, and the same rows."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.errors import TransientFailure
from orchestration.extraction import extract_source
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.sources.postgres import PostgresSource
from orchestration.warehouse import Warehouse, open_warehouse
from orchestration.warehouse.base import LoadRequest
from orchestration.warehouse.direct import DirectInsert
from tests.contract.landing.conftest import Extract, settings_for
from tests.contract.simulation.handmade import BASE

ACCOUNTS = "engine.subs_account"
STUCK = "engine.subs_stuck_events"


@pytest.mark.parametrize("spill", [1, 3])
def test_a_large_first_load_is_written_at_once_and_is_the_same(
    spill: int,
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = "* exclude (_load_id)"
    query = f"select {columns} from raw.engine__subs_account order by all"
    extract("engine", streams={ACCOUNTS})
    (usual,) = warehouse.rows("select rows_appended, content_hash from ops.load_ledger")
    expected = warehouse.rows(query)
    settings = settings_for(platform, tmp_path / "other")
    monkeypatch.setattr("orchestration.warehouse.landing._SPILL_ROWS", spill)
    direct = DirectInsert.finish
    taken: list[tuple[str, str]] = []
    with open_warehouse(settings, "write") as other:

        def engine() -> tuple[str, str]:
            names = ("memory_limit", "preserve_insertion_order")
            asked = ", ".join(f"current_setting('{n}')::varchar as {n}" for n in names)
            (found,) = other.rows(f"select {asked}")
            return found[names[0]], found[names[1]]

        before = engine()
        monkeypatch.setattr(
            DirectInsert, "finish", lambda self: taken.append(engine()) or direct(self)
        )
        (outcome,) = extract_source(
            "engine",
            settings=settings,
            warehouse=other,
            as_of=BASE,
            run_id="run",
            streams=[ACCOUNTS],
        )
        assert (outcome.status, len(taken)) == ("ok", 1)
        # The server guarantees one row a key, so none must come last.
        assert (before, taken[0]) == (("610.3 MiB", "true"), ("305.1 MiB", "false"))
        assert engine() == before
        assert other.rows(query) == expected
        (row,) = other.rows("select rows_appended, content_hash from ops.load_ledger")
        assert row == usual


def test_repeated_keys_of_a_large_first_load_land_once(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_one, ordered = DirectInsert.leave_one_a_key, []

    def noted(self: DirectInsert) -> None:
        (row,) = warehouse.rows("select current_setting('preserve_insertion_order') as is_kept")
        ordered.append(row["is_kept"])
        leave_one(self)

    monkeypatch.setattr(DirectInsert, "leave_one_a_key", noted)
    request = LoadRequest(STUCK, BASE, "run", "full", BASE)
    schema = landed_schema(table(STUCK))
    moment = BASE.replace(tzinfo=None)

    def batch(event: str) -> pa.RecordBatch:
        rows = [
            {f.name: moment if pa.types.is_timestamp(f.type) else f"{i} {event}" for f in schema}
            | {"stuck_event_id": str(i)}
            for i in range(12_000)
        ]
        return pa.RecordBatch.from_pylist(rows, schema=schema)

    staged = warehouse.stage(request)
    staged.append_all(iter([batch("old"), batch("new"), batch("new")]))
    result = staged.commit({}, {})
    assert result.rows_appended == 12_000
    (row,) = warehouse.rows(
        "select count(*) as n, count(*) filter (where event_id like '%new') as latest "
        "from raw.engine__subs_stuck_events"
    )
    assert (row["n"], row["latest"]) == (12_000, 12_000)
    # Which row of a key came last is known by their order alone.
    assert ordered == [True]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_disk_that_refuses_a_first_load_leaves_nothing(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.warehouse.landing._SPILL_ROWS", 1)
    asked: list[str] = []

    def refused(number: int) -> None:
        asked.append(Path(f"/proc/self/fd/{number}").readlink().name)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refused)
        outcome = extract("engine", streams={ACCOUNTS})[ACCOUNTS]
    # The system tells such a failure once; the engine's own wait at the commit would succeed.
    assert asked == ["warehouse.duckdb"]
    assert "Input/output error" in str(outcome.error)
    assert warehouse.rows("select * from raw.engine__subs_account") == []
    assert warehouse.rows("select * from ops.load_ledger") == []
    assert extract("engine", streams={ACCOUNTS})[ACCOUNTS].rows_appended == 5


def test_a_large_first_load_that_breaks_off_leaves_nothing(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.warehouse.landing._SPILL_ROWS", 1)
    read = PostgresSource.read

    def lost(self: PostgresSource, *args: Any, **options: Any) -> Iterator[Any]:
        yield from read(self, *args, **options)
        raise TransientFailure("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr(PostgresSource, "read", lost)
        outcome = extract("engine", streams={ACCOUNTS})[ACCOUNTS]
    assert "the connection is lost" in str(outcome.error)
    assert warehouse.rows("select * from raw.engine__subs_account") == []
    assert extract("engine", streams={ACCOUNTS})[ACCOUNTS].rows_appended == 5


@pytest.fixture
def repeated(platform: SimulatedPlatform) -> Iterator[str]:
    """A key that the stuck events hold twice, without their primary key."""
    with platform.postgres.admin(DATABASES["engine"]) as engine:
        found = engine.execute("select min(stuck_event_id) from subs_stuck_events").fetchone()
        assert found is not None and isinstance(found[0], str)
        engine.execute("alter table subs_stuck_events drop constraint subs_stuck_events_pkey")
        of_key = "from subs_stuck_events where stuck_event_id = %s"
        engine.execute(f"insert into subs_stuck_events select * {of_key}", found)
        yield found[0]
        engine.execute(f"delete {of_key} and ctid > (select min(ctid) {of_key})", [*found, *found])
        engine.execute("alter table subs_stuck_events add primary key (stuck_event_id)")


@pytest.mark.parametrize("spill", [1, 20_000])
def test_a_first_load_with_repeated_keys_does_not_land(
    spill: int,
    repeated: str,
    extract: Extract,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.warehouse.landing._SPILL_ROWS", spill)
    outcome = extract("engine", streams={STUCK})[STUCK]
    assert "look for repeated keys" in str(outcome.error)
    assert warehouse.rows("select * from raw.engine__subs_stuck_events") == []
    (row,) = warehouse.rows("select * from ops.reconciliation")
    assert (row["verdict"], row["source_count"], row["warehouse_count"]) == ("mismatched", 3, 2)


def test_a_key_is_unique_only_where_all_rows_are_in_its_index(
    platform: SimulatedPlatform,
) -> None:
    stuck = table(STUCK)
    relations = ("indexed", "parted", "parent", "child", "bare")
    with platform.postgres.admin(DATABASES["engine"]) as engine:
        engine.execute(
            "create table indexed (stuck_event_id text primary key); "
            "create table parted (stuck_event_id text primary key) "
            "partition by hash (stuck_event_id); "
            "create table part partition of parted for values with (modulus 1, remainder 0); "
            "create table parent (stuck_event_id text primary key); "
            "create table child () inherits (parent); create table bare (stuck_event_id text)"
        )
        try:
            with PostgresSource("engine", platform.endpoints.engine_dsn, b"key") as source:
                found = [
                    name
                    for name in relations
                    if source.has_unique_keys(replace(stuck, source_relation=f"public.{name}"))
                ]
        finally:
            engine.execute("drop table indexed, parted, parent, child, bare")
    assert found == ["indexed", "parted"]
