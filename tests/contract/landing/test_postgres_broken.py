"""A real PostgreSQL whose connection breaks: every stream has an outcome, and nothing leaks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.errors import ContractViolation, PaygoError, PermanentFailure
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import tables
from orchestration.sources.postgres import PostgresSource
from orchestration.warehouse import Warehouse
from orchestration.warehouse.landing import DuckDbStagedLoad
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE

STUCK = "engine.subs_stuck_events"
ENGINE = [t.stream for t in tables("engine")]
HOUR = timedelta(hours=1)
_WIDE = "w" * 2000
_POLLS = 200_000

idle_loss = pytest.mark.xfail(
    tuple(map(int, version("adbc-driver-postgresql").split(".")[:2])) < (1, 11),
    reason="this driver ends the process when a statement meets a connection that was lost idle",
    run=False,
)


@pytest.fixture
def terminate(platform: SimulatedPlatform) -> Iterator[Callable[[], None]]:
    """End every connection of the reading role, and wait until it is gone."""
    reading = "from pg_stat_activity where usename = 'paygo_reader'"
    with platform.postgres.admin(DATABASES["engine"]) as admin:

        def end() -> None:
            found = admin.execute(f"select pg_terminate_backend(pid) {reading}").fetchall()
            assert len(found) == 1, "only the extraction reads"
            for _ in range(_POLLS):
                if admin.execute(f"select count(*) {reading}").fetchone() == (0,):
                    return
            raise AssertionError("the server did not end the connection")

        yield end


@pytest.fixture
def wide(platform: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stuck events that come in many batches: more than the socket and the thread hold."""
    monkeypatch.setattr("orchestration.sources.postgres._BATCH_BYTES", "65536")
    with platform.postgres.admin(DATABASES["engine"]) as admin:
        admin.execute(
            "insert into subs_stuck_events (stuck_event_id, event_id, event_type, created_at, "
            f"updated_at) select 'wide ' || n, '{_WIDE}', 'type', now(), now() "
            "from generate_series(1, 5000) as n"
        )
        yield
        admin.execute("delete from subs_stuck_events where stuck_event_id like 'wide %'")


def after_first(monkeypatch: pytest.MonkeyPatch, stream: str, then: Callable[[], object]) -> None:
    """Do something once the first batch of a stream has come."""
    read = PostgresSource.read

    def reading(self: PostgresSource, table: Any, **options: Any) -> Iterator[Any]:
        for number, records in enumerate(read(self, table, **options)):
            if number == 0 and table.stream == stream:
                then()
            yield records

    monkeypatch.setattr(PostgresSource, "read", reading)


def failed_from(stream: str, outcomes: dict[str, Any], warehouse: Warehouse) -> None:
    """Every outcome is there: ok before the stream, failed with a message from it on."""
    at = ENGINE.index(stream)
    assert 0 < at < len(ENGINE) - 1
    assert [outcomes[s].status for s in ENGINE] == ["ok"] * at + ["failed"] * (len(ENGINE) - at)
    for name in ENGINE[at:]:
        error = outcomes[name].error
        assert isinstance(error, PaygoError) and "the engine database cannot be read" in str(error)
    runs = warehouse.rows("select stream, status from ops.stream_runs order by as_of")
    assert {r["stream"]: r["status"] for r in runs} == {s: outcomes[s].status for s in ENGINE}


def test_a_connection_lost_amid_a_table_fails_it_and_those_behind_it(
    extract: Extract,
    warehouse: Warehouse,
    terminate: Callable[[], None],
    wide: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    after_first(monkeypatch, STUCK, terminate)
    outcomes = extract("engine")
    failed_from(STUCK, outcomes, warehouse)
    assert warehouse.rows("select * from raw.engine__subs_stuck_events") == []


@idle_loss
def test_a_connection_lost_before_the_keys_are_asked_for_is_one_failure(
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    terminate: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extract("engine")
    with platform.postgres.admin(DATABASES["engine"]) as admin:
        admin.execute("create temp table kept as select * from subs_stuck_events")
        admin.execute("delete from subs_stuck_events")
        keys = PostgresSource.keys

        def lost(self: PostgresSource, table: Any) -> Any:
            terminate()
            return keys(self, table)

        monkeypatch.setattr(PostgresSource, "keys", lost)
        outcomes = extract("engine", as_of=BASE + HOUR)
        admin.execute("insert into subs_stuck_events select * from kept")
    failed_from(STUCK, outcomes, warehouse)


@idle_loss
def test_a_connection_lost_between_tables_spares_what_is_committed(
    extract: Extract,
    warehouse: Warehouse,
    terminate: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    savepoint = PostgresSource.savepoint
    begun: list[None] = []

    def lost(self: PostgresSource) -> None:
        if len(begun) == ENGINE.index(STUCK):
            terminate()
        begun.append(None)
        savepoint(self)

    monkeypatch.setattr(PostgresSource, "savepoint", lost)
    failed_from(STUCK, extract("engine"), warehouse)


def test_a_table_that_takes_too_long_fails_alone(
    extract: Extract, platform: SimulatedPlatform, wide: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform.postgres.admin(DATABASES["engine"]) as admin:

        def cancel() -> None:
            admin.execute(
                "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'paygo_reader'"
            )

        after_first(monkeypatch, STUCK, cancel)
        outcomes = extract("engine")
    assert {s for s, o in outcomes.items() if o.status == "failed"} == {STUCK}
    assert "canceling statement" in str(outcomes[STUCK].error)


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://reader:planted%zz@{host}/x", "postgresql://reader:planted#a/x@{host}/x"],
)
def test_a_password_that_is_not_encoded_is_told_to_nobody(
    extract: Extract, warehouse: Warehouse, tmp_path: Path, dsn: str
) -> None:
    outcomes = extract("engine", engine_dsn=SecretStr(dsn.format(host="127.0.0.1:1")))
    assert {type(o.error) for o in outcomes.values()} == {PermanentFailure}
    runs = warehouse.rows("select error_message from ops.stream_runs")
    assert len(runs) == len(ENGINE)
    assert all("percent-encode user and password" in r["error_message"] for r in runs)
    warehouse.publish()
    left = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"planted" not in left


@pytest.mark.parametrize("goes_direct", [True, False])
def test_nobody_fetches_any_more_when_a_table_is_given_up(
    goes_direct: bool, extract: Extract, wide: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches come through the connection that is rolled back: no two threads may use it."""

    def violated(*_: Any, **__: Any) -> None:
        raise ContractViolation("no row is as it should be")

    monkeypatch.setattr("orchestration.warehouse.landing._SPILL_ROWS", 1)
    monkeypatch.setattr(DuckDbStagedLoad, "_may_go_direct", lambda self: goes_direct)
    for module in ("landing", "direct"):
        monkeypatch.setattr(f"orchestration.warehouse.{module}.require_contract", violated)
    before = set(threading.enumerate())
    beside: list[set[threading.Thread]] = []
    roll_back = PostgresSource.roll_back

    def noted(self: PostgresSource) -> None:
        beside.append(set(threading.enumerate()) - before)
        roll_back(self)

    monkeypatch.setattr(PostgresSource, "roll_back", noted)
    outcome = extract("engine", streams={STUCK})[STUCK]
    assert "no row is as it should be" in str(outcome.error)
    assert beside == [set()]
