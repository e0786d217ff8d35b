"""The peer: dlt from PostgreSQL into DuckDB, in an environment of its own (`make bench-peers`).

`python dlt_peer.py connectorx|pyarrow DSN`; prints seconds, rows and memory.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    backend, dsn = sys.argv[1], sys.argv[2]
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder:
        os.environ["DLT_DATA_DIR"] = folder
        os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
        import dlt
        from dlt.sources.sql_database import sql_table

        started = time.perf_counter()
        pipeline = dlt.pipeline(
            "bench",
            pipelines_dir=folder,
            destination=dlt.destinations.duckdb(str(Path(folder) / "peer.duckdb")),
            dataset_name="bench",
        )
        options = {"conn": dsn} if backend == "connectorx" else {}
        table = sql_table(
            credentials=dsn.replace("postgresql:", "postgresql+psycopg2:", 1),
            schema="public",
            table="bench_elements",
            backend=backend,
            backend_kwargs=options,
            reflection_level="full_with_precision",
        )
        pipeline.run(table, write_disposition="replace")
        seconds = time.perf_counter() - started
        with pipeline.sql_client() as client:
            ((rows,),) = client.execute_sql("select count(*) from bench_elements")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "rows": rows, "megabytes": peak}))


if __name__ == "__main__":
    main()
