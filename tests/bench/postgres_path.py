"""PostgreSQL into the warehouse: our landing (type rules, keys, versions, ledger) beside bare
ADBC into DuckDB, on the same table in the same server. One generated table of OPEs, 9 columns."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import adbc_driver_postgresql.dbapi
import duckdb

from orchestration.extraction import extract_source
from orchestration.settings import Settings
from orchestration.simulation.postgres import SimulatedPostgres
from orchestration.simulation.postgres_load import table_ddl
from orchestration.sources.contract import table
from orchestration.warehouse import open_warehouse

STREAM = "engine.subs_object_products_element"
AS_OF = datetime(2026, 3, 24, tzinfo=UTC)
REPEATS = 3

_FILL = """
insert into public.subs_object_products_element
select
    'ope_' || lpad(to_hex(i), 10, '0'),
    'op_' || lpad(to_hex(i / 2), 10, '0'),
    'page_rules',
    'sum',
    array[(i % 9)::text, ''],
    'sub_' || to_hex(i) || ':si_' || to_hex(i),
    null,
    case when i % 17 = 0 then timestamptz '2026-01-05 00:00:00Z' end,
    timestamptz '2025-12-01 00:00:00Z' + (i % 100000) * interval '1 second',
    timestamptz '2026-01-01 00:00:00Z' + (i % 7000000) * interval '1 second'
from generate_series(1, {rows}) as i
"""


def measure(rows: int) -> list[dict[str, Any]]:
    """Seconds of our full load of `rows` rows against the bare copy's; medians of three pairs."""
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder:
        Path(folder).chmod(0o755)
        server = SimulatedPostgres(Path(folder) / "postgres")
        server.start()
        try:
            dsn = _fill(server, rows)
            pairs = [
                (_ours(Path(folder) / f"home{i}", dsn, rows), _bare(dsn, rows))
                for i in range(REPEATS)
            ]
        finally:
            server.stop()
    ours, bare = median(o for o, _ in pairs), median(b for _, b in pairs)
    return [
        {
            "name": f"PostgreSQL → warehouse, full load of {rows:,} rows",
            "value": ours,
            "unit": "s",
            "against": f"bare ADBC → DuckDB ({bare:.2f} s)",
            "ratio": ours / bare,
            "limit": 3.0,
            "better": "lower",
        }
    ]


def _fill(server: SimulatedPostgres, rows: int) -> str:
    server.ensure_database("subscriptions")
    with server.admin("subscriptions") as connection:
        connection.execute(table_ddl(table(STREAM)))
        connection.execute(_FILL.format(rows=rows).encode())
        connection.execute("create index on public.subs_object_products_element (updated_at)")
        connection.execute("grant usage on schema public to paygo_reader")
        connection.execute("grant select on all tables in schema public to paygo_reader")
    return server.reader_dsn("subscriptions")


def _ours(home: Path, dsn: str, rows: int) -> float:
    settings = Settings(
        home=home,
        engine_dsn=dsn,
        now="2026-03-24T00:00:00Z",
        hash_key="bench",  # type: ignore[arg-type]
    )
    started = time.perf_counter()
    with open_warehouse(settings, "write") as warehouse:
        (outcome,) = extract_source(
            "engine",
            settings=settings,
            warehouse=warehouse,
            as_of=AS_OF,
            run_id="bench",
            streams=[STREAM],
        )
    seconds = time.perf_counter() - started
    if outcome.error or outcome.rows_appended != rows:
        raise RuntimeError(f"{STREAM}: {outcome.rows_appended} of {rows} rows, {outcome.error}")
    return seconds


def _bare(dsn: str, rows: int) -> float:
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder,
        adbc_driver_postgresql.dbapi.connect(dsn) as source,
        source.cursor() as cursor,
        duckdb.connect(str(Path(folder) / "bare.duckdb")) as target,
    ):
        cursor.execute("select * from public.subs_object_products_element")
        reader = cursor.fetch_record_batch()
        target.register("incoming", reader)
        target.execute("create table ope as select * from incoming")
        (count,) = target.execute("select count(*) from ope").fetchone() or (0,)
    if count != rows:
        raise RuntimeError(f"the bare copy has {count} of {rows} rows")
    return time.perf_counter() - started
