"""Writes, late commits, deletions, runs and crashes in any order, on a real PostgreSQL.

After every run the warehouse holds exactly what the source has committed, and nothing twice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from adbc_driver_postgresql.dbapi import connect
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from orchestration.simulation.postgres import SimulatedPostgres
from orchestration.simulation.postgres_load import table_ddl
from orchestration.sources.contract import table
from tests.contract.schedules.machine import Bench, run_schedules, schedules

EVENTS = "engine.subs_stuck_events"
LOOKBACK = 40
"""Minutes; transactions end before they are this old, as the horizon check demands."""

KEYS = st.integers(0, 5)
LATE_KEYS = st.integers(6, 9)


class World:
    """The server and a table, for all schedules."""

    def __init__(self, server: SimulatedPostgres, home: Path) -> None:
        server.ensure_database("subscriptions")
        self.admin = server.admin("subscriptions")
        self.admin.execute(table_ddl(table(EVENTS)))
        self.admin.execute("alter table subs_stuck_events add primary key (stuck_event_id)")
        self.admin.execute("grant select on all tables in schema public to paygo_reader")
        dsn = server.reader_dsn("subscriptions")
        settings = {"engine_dsn": dsn, "postgres_lookback_minutes": LOOKBACK}
        self.bench = Bench(home, [EVENTS], settings)
        self.others = [server.admin("subscriptions") for _ in range(2)]


class Schedule(RuleBasedStateMachine):
    """One schedule."""

    world: World

    @initialize()
    def empty(self) -> None:
        self.open: dict[int, datetime] = {}
        self.world.admin.execute("truncate subs_stuck_events")
        self.world.bench.reset()
        # Two of the rows that are changed late are there from the beginning, two come late.
        for key in (6, 7):
            self._upsert(self.world.admin, key, 0, passes=False)

    @rule(key=KEYS | LATE_KEYS, value=st.integers(0, 3))
    def write(self, key: int, value: int) -> None:
        if key not in range(6, 10) or key % 2 not in self.open:
            self._upsert(self.world.admin, key, value)

    @rule(key=KEYS, value=st.integers(0, 3))
    def write_in_the_same_moment(self, key: int, value: int) -> None:
        self._upsert(self.world.admin, key, value, passes=False)

    @rule(key=KEYS)
    def delete(self, key: int) -> None:
        self.world.bench.tick()
        if not any(self.open):
            self.world.admin.execute(
                "delete from subs_stuck_events where stuck_event_id = %s", [f"k{key}"]
            )

    @rule(which=st.integers(0, 1), key=LATE_KEYS, value=st.integers(0, 3))
    def write_and_commit_late(self, which: int, key: int, value: int) -> None:
        """Keys of their own: two writers of one row would wait for each other."""
        if which not in self.open and key % 2 == which:
            self.world.others[which].execute("begin")
            self._upsert(self.world.others[which], key, value)
            self.open[which] = self.world.bench.clock

    @rule(key=LATE_KEYS, value=st.integers(0, 3))
    def extract_beside_an_open_write(self, key: int, value: int) -> None:
        """The run reads what was written later; what is still open must not be passed over."""
        if key % 2 not in self.open:
            self.write_and_commit_late(key % 2, key, value)
            self._upsert(self.world.admin, 0, value)
            self.extract()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1), commits=st.booleans())
    def end_late(self, which: int, commits: bool) -> None:
        if which in self.open:
            self.world.others[which].execute("commit" if commits else "rollback")
            del self.open[which]

    @rule()
    def extract(self) -> None:
        self._pass()
        self.world.bench.extract("engine")
        self._compare()

    @rule()
    def extract_again(self) -> None:
        self.world.bench.extract("engine")

    @rule(statement=st.integers(1, 40))
    def crash(self, statement: int) -> None:
        self._pass()
        self.world.bench.crash("engine", statement)

    def teardown(self) -> None:
        if not hasattr(self, "open"):
            return
        for which in self.open:
            self.world.others[which].execute("commit")
        self.open = {}
        self.world.bench.tick()
        self.world.bench.extract("engine")
        self._compare()

    def _pass(self) -> None:
        """Time passes; what is open for long ends, since the horizon check would warn."""
        now = self.world.bench.tick()
        for which, since in list(self.open.items()):
            if (now - since).total_seconds() / 60 >= LOOKBACK - 8:
                self.end_late(which, True)

    def _upsert(
        self, connection: psycopg.Connection[Any], key: int, value: int, *, passes: bool = True
    ) -> None:
        if passes:
            self._pass()
        now = self.world.bench.clock
        connection.execute(
            "insert into subs_stuck_events (stuck_event_id, event_id, event_type, created_at, "
            "updated_at) values (%s, %s, 'type', %s, %s) on conflict (stuck_event_id) do update "
            "set event_id = excluded.event_id, updated_at = excluded.updated_at",
            [f"k{key}", f"v{value}", now, now],
        )

    def _compare(self) -> None:
        columns = "stuck_event_id, event_id, updated_at"
        found = self.world.admin.execute(f"select {columns} from subs_stuck_events order by 1")
        expected = [(*row[:-1], row[-1].replace(tzinfo=None)) for row in found.fetchall()]
        assert self.world.bench.live(EVENTS, columns) == expected


class KeptConnection:
    """A connection that outlives its run: connecting is most of what a small run costs."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        """Stay open; the run has rolled its transaction back."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="paygo-schedules-") as folder:
        Path(folder).chmod(0o755)
        server = SimulatedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            world = World(server, Path(folder) / "home")
            kept = KeptConnection(connect(world.bench.settings.engine_dsn.get_secret_value()))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("adbc_driver_postgresql.dbapi.connect", lambda dsn: kept)
                yield world
            world.bench.close()
        finally:
            server.stop()


@schedules("postgres")
def test_the_warehouse_follows_the_source(
    world: World, part: int, examples: int, steps: int
) -> None:
    class Bound(Schedule):
        pass

    Bound.world = world
    run_schedules(Bound, part, examples, steps)
