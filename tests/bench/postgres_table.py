"""The table of the PostgreSQL figures: 12 columns as an OPE has them (ids, texts, a text array,
times, an exact amount), filled in the server. Nothing is measured here."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from orchestration.simulation.postgres import SimulatedPostgres
from orchestration.simulation.postgres_load import table_ddl
from orchestration.sources import contract
from orchestration.sources.contract_types import (
    CREATED,
    UPDATED,
    Column,
    RawTable,
    key,
    postgres_table,
    text,
    time,
)

TABLE: RawTable = postgres_table(
    "engine",
    "bench_elements",
    "bench_elements",
    "ope_id",
    key("ope_id"),
    key("object_product_id"),
    text("component", required=True),
    text("kind"),
    Column("value_phases", "string_array"),
    text("license_source_id"),
    text("workflow_id"),
    text("stripe_price_id"),
    Column("unit_amount", "numeric"),
    time("deleted_date"),
    CREATED,
    UPDATED,
)

_FILL = """
insert into public.bench_elements
select
    'ope_' || lpad(to_hex(i), 10, '0'),
    'op_' || lpad(to_hex(i / 2), 10, '0'),
    'page_rules',
    'sum',
    array[(i % 9)::text, ''],
    'sub_' || to_hex(i) || ':si_' || to_hex(i),
    null,
    'price_' || (i % 400),
    (i % 100000)::numeric / 1000,
    case when i % 17 = 0 then timestamptz '2026-01-05 00:00:00Z' end,
    timestamptz '2025-12-01 00:00:00Z' + (i % 100000) * interval '1 second',
    timestamptz '2026-01-01 00:00:00Z' + (i % 7000000) * interval '1 second'
from generate_series(1, {rows}) as i
"""

_CHANGE = """
update public.bench_elements
set
    value_phases = array_append(value_phases, 'changed'),
    updated_at = greatest(updated_at, timestamptz '2026-03-24 12:00:00Z') + interval '1 second'
where ('x' || substr(ope_id, 5))::bit(40)::bigint % 100 = 0
"""


def declare() -> None:
    """Put the table into the contract of this process, wherever it is held."""
    from orchestration import extraction
    from orchestration.warehouse import duckdb

    for module in (contract, extraction, duckdb):
        module.CONTRACT = (*contract.CONTRACT, TABLE) if module is contract else contract.CONTRACT


@contextlib.contextmanager
def filled(rows: int) -> Iterator[tuple[SimulatedPostgres, str]]:
    """Run a server with the table; yield it and the reading role's connection string."""
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder:
        Path(folder).chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = SimulatedPostgres(Path(folder) / "postgres", loopback_port=port)
        server.start()
        try:
            server.ensure_database("subscriptions")
            with server.admin("subscriptions") as connection:
                connection.execute(table_ddl(TABLE))
                connection.execute(_FILL.format(rows=rows).encode())
                connection.execute("alter table public.bench_elements add primary key (ope_id)")
                connection.execute("create index on public.bench_elements (updated_at)")
                connection.execute("vacuum analyze public.bench_elements")
                connection.execute("grant usage on schema public to paygo_reader")
                connection.execute("grant select on all tables in schema public to paygo_reader")
            yield server, server.reader_dsn("subscriptions")
        finally:
            server.stop()


def change(admin_dsn: str) -> int:
    """Change one row of a hundred, again at every call; return how many."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        return connection.execute(_CHANGE).rowcount
