"""A real PostgreSQL into a warehouse: late commits, deletions, drift of the schema, odd values."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.errors import ContractViolation
from orchestration.settings import Settings
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import CONTRACT, Column, table
from orchestration.sources.postgres import PostgresSource
from orchestration.warehouse import Warehouse, open_warehouse
from orchestration.warehouse.landing import DuckDbStagedLoad
from tests.contract.landing.conftest import Extract, Sql, without_required_numbers
from tests.contract.simulation.handmade import BASE

ACCOUNTS = "engine.subs_account"
ELEMENTS = "engine.subs_object_products_element"
PRICES = "engine.catalog_prices"
STUCK = "engine.subs_stuck_events"
HOUR = timedelta(hours=1)


def live(warehouse: Warehouse, stream: str, key: str) -> set[str]:
    rows = warehouse.rows(
        f"select {key} as key from raw.{stream.replace('.', '__')} "
        "group by 1 having not arg_max(_is_deleted, _as_of)"
    )
    return {row["key"] for row in rows}


def stuck_event(key: str, updated_at: str) -> str:
    return (
        "insert into subs_stuck_events (stuck_event_id, event_id, event_type, created_at, "
        f"updated_at) values ('{key}', 'evt', 'type', now(), '{updated_at}')"
    )


def reconciled(warehouse: Warehouse, stream: str) -> dict[str, Any]:
    return warehouse.rows(
        "select * from ops.reconciliation where stream = ? order by as_of desc limit 1", [stream]
    )[0]


def test_every_source_row_is_reconciled(extract: Extract, warehouse: Warehouse) -> None:
    extract("engine", "billing", "core")
    rows = warehouse.rows("select * from ops.reconciliation")
    assert len(rows) == 19
    for row in rows:
        assert row["verdict"] == "matched"
        assert row["source_count"] == row["warehouse_count"]
        assert row["source_key_hash"] == row["warehouse_key_hash"]


def test_a_late_commit_within_the_lookback_arrives(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    sql(
        stuck_event("newest", (BASE - timedelta(minutes=5)).isoformat()),
        "delete from subs_stuck_events where stuck_event_id in ('newest', 'late')",
    )
    extract("engine", streams={STUCK})
    sql(stuck_event("late", (BASE - timedelta(minutes=15)).isoformat()))
    outcome = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
    assert (outcome.rows_appended, outcome.mode) == (1, "delta")
    assert "late" in live(warehouse, STUCK, "stuck_event_id")


def test_a_commit_later_than_the_lookback_is_found_by_the_key_sweep(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    extract("engine", streams={STUCK})
    sql(
        stuck_event("very late", "2025-12-31T00:00:00Z"),
        "delete from subs_stuck_events where stuck_event_id = 'very late'",
    )
    outcome = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
    assert outcome.rows_appended == 1
    assert "very late" in live(warehouse, STUCK, "stuck_event_id")
    assert reconciled(warehouse, STUCK)["verdict"] == "matched"


def test_hard_deletes_become_tombstones_and_may_come_back(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    sql(
        stuck_event("brief", "2026-02-01T00:00:00Z"),
        "delete from subs_stuck_events where stuck_event_id = 'brief'",
    )
    extract("engine", streams={STUCK})
    sql("delete from subs_stuck_events where stuck_event_id = 'brief'")
    gone = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
    assert (gone.rows_appended, gone.rows_deleted) == (0, 1)
    assert "brief" not in live(warehouse, STUCK, "stuck_event_id")
    sql(stuck_event("brief", "2026-02-01T00:00:00Z"))
    back = extract("engine", streams={STUCK}, as_of=BASE + 2 * HOUR)[STUCK]
    assert (back.rows_appended, back.rows_deleted) == (1, 0)
    assert "brief" in live(warehouse, STUCK, "stuck_event_id")


def test_a_deletion_and_a_new_row_of_one_hour_do_not_hide_each_other(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    sql(
        stuck_event("old", "2026-02-01T00:00:00Z"),
        "delete from subs_stuck_events where stuck_event_id in ('old', 'new')",
    )
    extract("engine", streams={STUCK})
    sql("delete from subs_stuck_events where stuck_event_id = 'old'")
    sql(stuck_event("new", BASE.isoformat()))
    outcome = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
    assert (outcome.rows_appended, outcome.rows_deleted) == (1, 1)


@pytest.mark.parametrize(
    ("change", "undo", "said"),
    [
        (
            "alter table subs_account rename column country to land",
            "alter table subs_account rename column land to country",
            "column 'country' is missing in public.subs_account (columns it has and the contract "
            "has not: land)",
        ),
        (
            "alter table subs_account alter column flags type text using flags::text",
            "alter table subs_account alter column flags type bigint using flags::bigint",
            "column 'flags' is text in public.subs_account, the contract says int64",
        ),
    ],
)
def test_a_renamed_or_retyped_column_stops_its_stream_alone(
    extract: Extract, warehouse: Warehouse, sql: Sql, change: str, undo: str, said: str
) -> None:
    sql(change, undo)
    outcomes = extract("engine")
    error = outcomes[ACCOUNTS].error
    assert isinstance(error, ContractViolation)
    assert "engine.subs_account: " + said in str(error)
    assert {s for s, o in outcomes.items() if o.status == "failed"} == {ACCOUNTS}
    assert live(warehouse, ACCOUNTS, "account_id") == set()
    assert len(live(warehouse, STUCK, "stuck_event_id")) == 2


def accounts(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.rows(
        "select account_id, _as_of, _row_hash, _is_deleted "
        "from raw.engine__subs_account order by 1, 2"
    )


def test_an_additional_column_is_reported_once_and_kept(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    extract("engine", streams={ACCOUNTS, STUCK})
    before = accounts(warehouse)
    sql(
        "alter table subs_account add column flavour text, add column score int, "
        "add column rank numeric, add column is_vip bool, add column seen_at timestamptz, "
        "add column mobile bigint, add column vendor_no bigint",
        "alter table subs_account drop column flavour, drop column score, drop column rank, "
        "drop column is_vip, drop column seen_at, drop column mobile, drop column vendor_no",
    )
    # Nobody moves updated_at when a column is filled.
    first = before[0]["account_id"]
    sql(
        "update subs_account set flavour = 'Mint', score = 7, rank = 1.50, is_vip = true, "
        "seen_at = '2026-01-01 12:00:00Z', mobile = 491701234567, vendor_no = 4242424242424242 "
        f"where account_id = '{first}'"
    )
    for hours in (1, 2):
        outcomes = extract("engine", streams={ACCOUNTS, STUCK}, as_of=BASE + hours * HOUR)
        assert outcomes[ACCOUNTS].rows_appended == (1 if hours == 1 else 0)
        assert outcomes[STUCK].rows_appended == 0
    changes = warehouse.rows("select stream, change, column_name from ops.schema_changes")
    assert len(changes) == 7 and {c["stream"] for c in changes} == {ACCOUNTS}
    assert [v for v in accounts(warehouse) if v["_as_of"].hour == 0] == before
    (row,) = warehouse.rows(
        "select _unclassified from raw.engine__subs_account where _unclassified is not null"
    )
    kept = json.loads(row["_unclassified"])
    known = {k: kept.pop(k) for k in ("score", "rank", "is_vip", "seen_at")}
    assert known == {
        "score": 7, "rank": "1.50", "is_vip": True, "seen_at": "2026-01-01 12:00:00+00"
    }  # fmt: skip
    # Texts, names that suggest a person and numbers as long as a card's.
    assert set(kept) == {"flavour", "mobile", "vendor_no"}
    assert {len(text) for text in kept.values()} == {64}
    columns = warehouse.rows(
        "select table_name from information_schema.columns where column_name = '_unclassified'"
    )
    assert [c["table_name"] for c in columns] == ["engine__subs_account"]


def test_a_column_that_the_contract_learns_has_its_values(
    extract: Extract,
    warehouse: Warehouse,
    sql: Sql,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sql(
        "alter table subs_account add column nickname text default 'Nick'",
        "alter table subs_account drop column nickname",
    )
    extract("engine", streams={ACCOUNTS})
    warehouse.publish()
    warehouse.close()
    known = table(ACCOUNTS)
    learned = replace(known, columns=(*known.columns, Column("nickname", "string")))
    contract = tuple(learned if t is known else t for t in CONTRACT)
    for module in ("sources.contract", "warehouse.duckdb", "extraction"):
        monkeypatch.setattr(f"orchestration.{module}.CONTRACT", contract)
    with open_warehouse(Settings(home=tmp_path), "write") as later:
        outcome = extract("engine", streams={ACCOUNTS}, as_of=BASE + HOUR, into=later)[ACCOUNTS]
        assert (outcome.status, outcome.rows_appended) == ("ok", 5)
        found = later.rows(
            "select nickname, _unclassified as kept from raw.engine__subs_account "
            f"where _as_of > timestamp '{BASE:%Y-%m-%d %H:%M}'"
        )
        assert found == [{"nickname": "Nick", "kept": None}] * 5
        again = extract("engine", streams={ACCOUNTS}, as_of=BASE + 2 * HOUR, into=later)[ACCOUNTS]
        assert (again.mode, again.rows_appended) == ("delta", 0)


def test_values_that_fit_no_column_are_kept_aside(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    sql(
        "update subs_dunning set next_retry_at = null",  # no row there: only shows the table is
    )
    sql(
        "insert into subs_dunning (account_id, retry_count, escalation_level, next_retry_at, "
        "updated_at) values ('a', 1, 1, 'infinity', now()), "
        "('b', 1, 1, '-infinity', now()), ('c', 1, 1, '20000-01-01', now())",
        "delete from subs_dunning",
    )
    keep = "create temp table kept as select * from subs_object_products_element"
    sql(keep, "insert into subs_object_products_element select * from kept; drop table kept")
    sql(
        "update subs_object_products_element set value_phases = case ope_id "
        "when 'key_1' then array['pro', null] when 'key_2' then array[['a'], ['b']] end",
        "delete from subs_object_products_element",
    )
    outcomes = extract("engine", streams={"engine.subs_dunning", ELEMENTS})
    assert {o.status for o in outcomes.values()} == {"ok"}
    found = {
        (r["row_key"], r["rule"], r["value_text"])
        for r in warehouse.rows("select * from ops.quarantine")
    }
    assert found == {
        ("a", "time_clamped", "infinity"),
        ("b", "time_clamped", "-infinity"),
        ("c", "time_clamped", "20000-01-01 00:00:00+00"),
        ("key_1", "array_null", "{pro,NULL}"),
        ("key_2", "array_nested", "{{a},{b}}"),
    }
    landed = {
        r["account_id"]: r["at"]
        for r in warehouse.rows(
            "select account_id, next_retry_at::varchar as at from raw.engine__subs_dunning"
        )
    }
    assert landed["a"] == landed["c"] == "9999-12-31 23:59:59.999999"
    assert landed["b"] == "0001-01-01 00:00:00"
    phases = {
        r["ope_id"]: r["value_phases"]
        for r in warehouse.rows(
            "select ope_id, value_phases from raw.engine__subs_object_products_element"
        )
    }
    assert phases["key_1"] == ["pro", ""]
    assert phases["key_2"] is None


def test_a_number_without_a_value_in_a_required_column_stops_the_stream(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    sql(
        "update catalog_prices set unit_amount = 'NaN'",
        "update catalog_prices set unit_amount = 0.000123",
    )
    outcome = extract("engine", streams={PRICES})[PRICES]
    assert "engine.catalog_prices: column 'unit_amount' has no value" in str(outcome.error)
    assert warehouse.rows("select * from raw.engine__catalog_prices") == []


def test_a_first_load_sums_what_fits_and_only_then_spares_the_looking(
    extract: Extract, warehouse: Warehouse, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_required_numbers(monkeypatch, PRICES)
    asked: list[bool] = []
    summary = PostgresSource.key_summary

    def noted(self: PostgresSource, *args: Any, **options: Any) -> Any:
        asked.append(options["all_fit"])
        return summary(self, *args, **options)

    monkeypatch.setattr(PostgresSource, "key_summary", noted)
    keep = "create temp table kept as select * from catalog_prices"
    sql(keep, "drop table kept")
    sql(
        "update catalog_prices set unit_amount = 'NaN'",
        "delete from catalog_prices; insert into catalog_prices select * from kept",
    )
    outcome = extract("engine", streams={PRICES})[PRICES]
    assert (outcome.status, asked) == ("ok", [False])
    (odd,) = warehouse.rows("select rule, value_text from ops.quarantine")
    assert (odd["rule"], odd["value_text"]) == ("number_unfit", "NaN")
    assert json.loads(reconciled(warehouse, PRICES)["source_money"])["unit_amount"] == "0"
    extract("engine", streams={ACCOUNTS})
    extract("engine", streams={ACCOUNTS}, as_of=BASE + HOUR)
    assert asked == [False, True, False]


def test_rows_are_compared_while_the_server_counts(
    extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract("engine", streams={ACCOUNTS})
    has_compared = threading.Event()
    summary, delta = PostgresSource.key_summary, DuckDbStagedLoad.key_delta

    def counting(self: PostgresSource, *args: Any, **options: Any) -> Any:
        assert has_compared.wait(20), "the rows waited for the server"
        return summary(self, *args, **options)

    def comparing(self: DuckDbStagedLoad) -> tuple[int, int]:
        has_compared.set()
        return delta(self)

    monkeypatch.setattr(PostgresSource, "key_summary", counting)
    monkeypatch.setattr(DuckDbStagedLoad, "key_delta", comparing)
    assert extract("engine", streams={ACCOUNTS}, as_of=BASE + HOUR)[ACCOUNTS].status == "ok"


def test_numbers_arrays_and_texts_arrive_exactly(extract: Extract, warehouse: Warehouse) -> None:
    extract("engine", streams={PRICES, ELEMENTS})
    (price,) = warehouse.rows("select * from raw.engine__catalog_prices")
    assert str(price["unit_amount"]) == "0.000123000"
    assert price["component"] == "component 1\t\\N\nü"
    rows = warehouse.rows("select * from raw.engine__subs_object_products_element order by ope_id")
    assert [r["value_phases"] for r in rows] == [['pro "x"', "{free,}", ""], [], None]


def test_an_old_open_transaction_is_warned_of(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    with platform.postgres.admin(DATABASES["engine"]) as other:
        other.execute("begin")
        other.execute("select count(*) from subs_account")
        outcome = extract("engine", streams={STUCK}, postgres_lookback_minutes=0)[STUCK]
        other.execute("rollback")
    assert (outcome.status, outcome.warning_kind) == ("ok", "horizon_warning")
    (row,) = warehouse.rows("select status, error_kind, error_message from ops.stream_runs")
    assert (row["status"], row["error_kind"]) == ("ok", "horizon_warning")
    assert "oldest open transaction" in row["error_message"]


def test_all_tables_are_read_in_one_snapshot(platform: SimulatedPlatform, sql: Sql) -> None:
    stuck = table(STUCK)
    with PostgresSource("engine", platform.endpoints.engine_dsn, b"key") as source:
        source.inspect([stuck])
        before = source.key_summary(stuck)
        sql(
            stuck_event("meanwhile", BASE.isoformat()),
            "delete from subs_stuck_events where stuck_event_id = 'meanwhile'",
        )
        rows = [r for batch in source.read(stuck) for r in batch.data.to_pylist()]
        assert source.key_summary(stuck) == before
        assert len(rows) == before.rows


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("postgresql://nobody:x@/subscriptions?host={host}", "PAYGO_ENGINE_DSN"),
        ("postgresql://u@/subscriptions?host=/nowhere", "PAYGO_ENGINE_DSN"),
    ],
)
def test_an_unreachable_or_refusing_server_fails_every_stream(
    extract: Extract, platform: SimulatedPlatform, tmp_path: Path, dsn: str, said: str
) -> None:
    from pydantic import SecretStr

    host = platform.endpoints.engine_dsn.split("host=")[1]
    outcomes = extract("engine", engine_dsn=SecretStr(dsn.format(host=host)))
    assert {o.status for o in outcomes.values()} == {"failed"}
    assert all(said in str(o.error) for o in outcomes.values())
