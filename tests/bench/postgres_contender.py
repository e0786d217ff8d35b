"""One contender of the PostgreSQL figures, in a process of its own; prints seconds and memory.

`python -m tests.bench.postgres_contender floor|bare|full|delta DSN ROWS`
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench import postgres_table

AS_OF = datetime(2026, 3, 24, 18, tzinfo=UTC)
NAME = "public.bench_elements"


def main() -> None:
    name, dsn, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder:
        found = {"floor": floor, "bare": bare, "full": full, "delta": delta}[name](
            dsn, rows, Path(folder)
        )
    found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def floor(dsn: str, rows: int, folder: Path) -> dict[str, float]:
    """Binary COPY, bytes thrown away."""
    import psycopg

    started = time.perf_counter()
    with (
        psycopg.connect(dsn) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"copy {NAME} to stdout (format binary)") as copy,
    ):
        size = sum(len(block) for block in copy)
    return {"seconds": time.perf_counter() - started, "bytes": float(size)}


def bare(dsn: str, rows: int, folder: Path) -> dict[str, float]:
    """ADBC's batches into a DuckDB table as they are."""
    import adbc_driver_postgresql.dbapi
    import duckdb

    started = time.perf_counter()
    with (
        adbc_driver_postgresql.dbapi.connect(dsn) as source,
        source.cursor() as cursor,
        duckdb.connect(str(folder / "bare.duckdb")) as target,
    ):
        cursor.execute(f"select * from {NAME}")
        target.register("incoming", cursor.fetch_record_batch())
        target.execute("create table ope as select * from incoming")
        _expect(target.execute("select count(*) from ope").fetchall()[0][0], rows)
    return {"seconds": time.perf_counter() - started}


def full(dsn: str, rows: int, folder: Path) -> dict[str, float]:
    """Our first load: type rules, keys, row versions, reconciliation, ledger, cursor."""
    run = _runner(dsn, folder)
    started = time.perf_counter()
    _expect(run(AS_OF - timedelta(days=1)), rows)
    return {"seconds": time.perf_counter() - started}


def delta(dsn: str, rows: int, folder: Path) -> dict[str, float]:
    """The second load; its sweep (counts, hashes, money of all rows) is told apart."""
    from orchestration.sources.postgres import PostgresSource
    from orchestration.warehouse.landing import DuckDbStagedLoad

    run = _runner(dsn, folder)
    run(AS_OF - timedelta(days=1))
    changed = postgres_table.change(os.environ["PAYGO_BENCH_ADMIN"])
    spent: defaultdict[str, float] = defaultdict(float)
    for owner, method in (
        (PostgresSource, "key_summary"),
        (PostgresSource, "keys"),
        (DuckDbStagedLoad, "totals"),
    ):
        setattr(owner, method, _timed(getattr(owner, method), method, spent))
    started = time.perf_counter()
    _expect(run(AS_OF), changed)
    sweep = sum(spent.values())
    return {"seconds": time.perf_counter() - started - sweep, "sweep": sweep}


def _runner(dsn: str, folder: Path) -> Callable[[datetime], int]:
    from orchestration.extraction import extract_source
    from orchestration.settings import Settings
    from orchestration.warehouse import open_warehouse

    postgres_table.declare()
    settings = Settings(
        home=folder,
        engine_dsn=dsn,
        now="2026-03-24T18:00:00Z",
        hash_key="bench",  # type: ignore[arg-type]
    )

    def run(as_of: datetime) -> int:
        with open_warehouse(settings, "write") as warehouse:
            (outcome,) = extract_source(
                "engine",
                settings=settings,
                warehouse=warehouse,
                as_of=as_of,
                run_id="bench",
                streams=[postgres_table.TABLE.stream],
            )
        if outcome.error:
            raise outcome.error
        return outcome.rows_appended

    return run


def _timed(method: Any, name: str, spent: defaultdict[str, float]) -> Any:
    def timed(*args: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return method(*args, **options)
        finally:
            spent[name] += time.perf_counter() - started

    return timed


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} rows arrived, {wanted} were to come")


if __name__ == "__main__":
    main()
