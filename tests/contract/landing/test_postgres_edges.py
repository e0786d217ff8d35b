"""A real PostgreSQL at its edges: longest numbers, the first year, a commit at the snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
import pytest

from orchestration.errors import ContractViolation
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import table
from orchestration.sources.misfits import unfit_decimal
from orchestration.sources.postgres import PostgresSource
from orchestration.sources.postgres_arrow import cast
from orchestration.warehouse import Warehouse
from tests.contract.landing.conftest import Extract, without_required_numbers
from tests.contract.landing.test_postgres import stuck_event
from tests.contract.simulation.handmade import BASE

ACCOUNTS = "engine.subs_account"
PRICES = "engine.catalog_prices"
STUCK = "engine.subs_stuck_events"
HOUR = timedelta(hours=1)

Engine = psycopg.Connection[tuple[object, ...]]


def kept(platform: SimulatedPlatform, name: LiteralString) -> Iterator[Engine]:
    with platform.postgres.admin(DATABASES["engine"]) as engine:
        engine.execute(f"create temp table kept as select * from {name}")
        yield engine
        engine.execute(f"delete from {name}")
        engine.execute(f"insert into {name} select * from kept")


@pytest.fixture
def prices(platform: SimulatedPlatform) -> Iterator[Engine]:
    for engine in kept(platform, "catalog_prices"):
        # As it is elsewhere: without a scale, which would round what is written.
        engine.execute("alter table catalog_prices alter column unit_amount type numeric")
        yield engine
        engine.execute("delete from catalog_prices")
        engine.execute("alter table catalog_prices alter unit_amount type numeric(38, 9)")


@pytest.fixture
def stuck(platform: SimulatedPlatform) -> Iterator[Engine]:
    yield from kept(platform, "subs_stuck_events")


NUMBERS = {
    "12345678901234567890.1234567891": None,
    "0.99999999999999999999999999999999": None,
    "1." + "0" * 45: Decimal(1),
    "0." + "0" * 45: Decimal(0),
    "12345678901234567890.123456789" + "0" * 20: Decimal("12345678901234567890.123456789"),
}


@pytest.mark.parametrize(("text", "landed"), NUMBERS.items())
def test_a_number_fits_by_its_digits(text: str, landed: Decimal | None) -> None:
    assert unfit_decimal(Decimal(text)) == (landed is None)


@pytest.mark.parametrize("is_odd", [False, True], ids=["plain", "by row"])
def test_the_longest_numbers_land_exactly_or_aside(
    is_odd: bool,
    prices: Engine,
    extract: Extract,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = table(PRICES)
    without_required_numbers(monkeypatch, PRICES)
    if is_odd:
        # Every row by its rules, as those are read that have a misfit elsewhere.
        monkeypatch.setattr(
            "orchestration.sources.postgres_arrow._unfit",
            lambda array: pa.array([True] * len(array)),
        )
    key = known.primary_key
    others = [c.name for c in known.columns if c.name not in (key, "unit_amount")]
    prices.execute("delete from catalog_prices")
    for text in NUMBERS:
        prices.execute(
            f"insert into catalog_prices ({key}, unit_amount, {', '.join(others)}) "
            f"select %s, %s, {', '.join(others)} from kept limit 1",
            [text, text],
        )
    assert extract("engine", streams={PRICES})[PRICES].status == "ok"
    found = warehouse.rows(f"select {key} as k, unit_amount as n from raw.engine__catalog_prices")
    assert {r["k"]: r["n"] for r in found} == NUMBERS
    aside = warehouse.rows("select row_key, rule, value_text from ops.quarantine")
    assert {(r["row_key"], r["rule"], r["value_text"]) for r in aside} == {
        (text, "number_unfit", text) for text, landed in NUMBERS.items() if landed is None
    }


def test_a_value_that_no_rule_covers_is_named_by_its_row() -> None:
    flags = table(ACCOUNTS).column("flags")
    values, keys = pa.array(["1", "many", "3"]), pa.array(["a", "b", "c"])
    with pytest.raises(ContractViolation, match="column 'flags' of row b cannot be read as int64"):
        cast(table(ACCOUNTS), flags, values, keys)


def test_rows_of_the_beginning_of_time_are_read_again(
    stuck: Engine, extract: Extract, warehouse: Warehouse
) -> None:
    stuck.execute("update subs_stuck_events set updated_at = '-infinity'")
    for hours in (0, 1):
        outcome = extract("engine", streams={STUCK}, as_of=BASE + hours * HOUR)[STUCK]
        assert (outcome.status, outcome.rows_appended) == ("ok", 2 if hours == 0 else 0)
    stuck.execute("update subs_stuck_events set event_id = 'another'")
    later = extract("engine", streams={STUCK}, as_of=BASE + 2 * HOUR)[STUCK]
    assert (later.status, later.mode, later.rows_appended) == ("ok", "delta", 2)
    # A year of less than four digits is one PostgreSQL reads.
    stuck.execute("update subs_stuck_events set updated_at = '0001-01-01 12:00:00+00'")
    for hours in (3, 4):
        stuck.execute("update subs_stuck_events set event_id = %s", [f"at {hours}"])
        outcome = extract("engine", streams={STUCK}, as_of=BASE + hours * HOUR)[STUCK]
        assert (outcome.status, outcome.mode, outcome.rows_appended) == ("ok", "delta", 2)


def test_a_commit_between_the_horizon_and_the_snapshot_is_in_one_of_them(
    platform: SimulatedPlatform,
    stuck: Engine,
    extract: Extract,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extract("engine", streams={STUCK})
    inspect: Any = PostgresSource.inspect
    with platform.postgres.admin(DATABASES["engine"]) as other:
        other.execute("begin")
        other.execute(stuck_event("between", "2025-12-31T00:00:00Z"))

        def committed(self: PostgresSource, tables: Any) -> None:
            other.execute("commit")
            inspect(self, tables)

        monkeypatch.setattr(PostgresSource, "inspect", committed)
        outcome = extract(
            "engine", streams={STUCK}, as_of=BASE + HOUR, postgres_lookback_minutes=0
        )[STUCK]
    assert (outcome.rows_appended, outcome.warning_kind) == (0, "horizon_warning")


def test_a_load_beside_whose_contract_a_column_stands_is_known_again(
    platform: SimulatedPlatform, extract: Extract
) -> None:
    with platform.postgres.admin(DATABASES["engine"]) as engine:
        engine.execute("alter table subs_account add column flavour text default 'Mint'")
        try:
            assert extract("engine", streams={ACCOUNTS})[ACCOUNTS].mode == "full"
            assert extract("engine", streams={ACCOUNTS})[ACCOUNTS].mode == "already_loaded"
        finally:
            engine.execute("alter table subs_account drop column flavour")
