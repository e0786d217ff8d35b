"""The simulated PostgreSQL as extraction meets it: roles, types, catalog, Arrow."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import adbc_driver_postgresql.dbapi
import psycopg
import pytest

from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import tables

TYPES = {
    "string": "text",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp": "timestamp with time zone",
    "numeric": "numeric",
    "string_array": "ARRAY",
}


def dsn(platform: SimulatedPlatform, source: str) -> str:
    return str(getattr(platform.endpoints, f"{source}_dsn"))


@pytest.mark.parametrize("source", DATABASES)
def test_the_catalog_is_that_of_the_contract(platform: SimulatedPlatform, source: str) -> None:
    with psycopg.connect(dsn(platform, source)) as connection:
        found = connection.execute(
            "select table_schema || '.' || table_name, column_name, data_type, is_nullable = 'YES'"
            " from information_schema.columns"
            " where table_schema not in ('pg_catalog', 'information_schema')"
            " order by 1, ordinal_position"
        ).fetchall()
    wanted = [
        (t.source_relation, c.name, TYPES[c.type], c.nullable)
        for t in sorted(tables(source), key=lambda t: t.source_relation)
        for c in t.columns
    ]
    assert found == wanted


@pytest.mark.parametrize("source", DATABASES)
def test_every_table_has_its_key_and_an_index_on_updated_at(
    platform: SimulatedPlatform, source: str
) -> None:
    with psycopg.connect(dsn(platform, source)) as connection:
        found = connection.execute(
            "select schemaname || '.' || tablename, indexdef from pg_indexes"
            " where schemaname in ('public', 'www')"
        ).fetchall()
    for contract in tables(source):
        definitions = [text for relation, text in found if relation == contract.source_relation]
        assert any("UNIQUE" in d and f"({contract.primary_key})" in d for d in definitions)
        assert any("(updated_at)" in d for d in definitions)


def test_the_reader_cannot_write(platform: SimulatedPlatform) -> None:
    with psycopg.connect(platform.endpoints.engine_dsn) as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("delete from subs_account")
        connection.rollback()
        connection.execute("set transaction read write")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from subs_account")


def test_the_reader_sees_the_transactions_of_others(platform: SimulatedPlatform) -> None:
    with platform.postgres.admin("subscriptions") as writer, writer.transaction():
        writer.execute("select 1")
        with psycopg.connect(platform.endpoints.engine_dsn) as reader:
            found = reader.execute(
                "select count(*) from pg_stat_activity"
                " where datname = 'subscriptions' and usename = 'postgres'"
                " and xact_start is not null"
            ).fetchone()
    assert found == (1,)


def test_a_wrong_password_is_refused(platform: SimulatedPlatform) -> None:
    wrong = platform.endpoints.engine_dsn.replace("paygo_reader:", "paygo_reader:x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_nothing_listens_on_a_port(platform: SimulatedPlatform) -> None:
    with platform.postgres.admin() as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)


def test_values_arrive_unchanged(platform: SimulatedPlatform) -> None:
    with psycopg.connect(platform.endpoints.engine_dsn) as connection:
        connection.execute("set time zone 'UTC'")
        price = connection.execute(
            "select unit_amount, component, is_active, updated_at from catalog_prices"
        ).fetchone()
        phases = connection.execute(
            "select value_phases from subs_object_products_element order by ope_id"
        ).fetchall()
    moment = datetime(2026, 2, 17, 0, 0, 1, tzinfo=UTC)
    assert price == (Decimal("0.000123"), "component 1\t\\N\nü", True, moment)
    assert phases == [(['pro "x"', "{free,}", ""],), ([],), (None,)]


def test_arrow_reads_it_through_the_same_address(platform: SimulatedPlatform) -> None:
    with (
        adbc_driver_postgresql.dbapi.connect(platform.endpoints.engine_dsn) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select account_id, flags from subs_account order by account_id")
        assert cursor.fetch_arrow_table().to_pydict() == {
            "account_id": [f"key_{n}" for n in range(5)],
            "flags": [7] * 5,
        }


def test_tables_can_be_read_in_one_snapshot(platform: SimulatedPlatform) -> None:
    with (
        psycopg.connect(platform.endpoints.core_dsn) as first,
        psycopg.connect(platform.endpoints.core_dsn) as second,
    ):
        first.execute("begin isolation level repeatable read")
        snapshot = first.execute("select pg_export_snapshot()").fetchone()
        assert snapshot is not None
        second.execute("begin isolation level repeatable read")
        second.execute(f"set transaction snapshot '{snapshot[0]}'".encode())
        assert second.execute("select count(*) from www.zones").fetchone() == (3,)
