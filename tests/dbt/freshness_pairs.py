"""Delays one stream in a copy of a built warehouse and asks the project's own SQL what flips.

`python -m tests.dbt.freshness_pairs WAREHOUSE.duckdb TARGET_FOLDER` prints the pair table of a
home: every stream of the contract against every metric. Belongs here: the ledger's change and the
statements that `dbt build` ran. Does not: which pair should flip, which the tests know.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from orchestration.clock import iso
from orchestration.sources.contract import CONTRACT

RECOMPUTED = (
    "intermediate/time/int_time__stream_horizons",
    "metrics/int_metrics__stream_deadlines",
    "metrics/fct_metric_status",
    "reporting/rpt_stream_status",
    "reporting/rpt_drift_sides",
)
"""Paths of the models between the ledger and the status, and of those that know the run's moment,
in order. Other views follow."""

RUN_MOMENT = re.compile(r"cast\('[^']+Z' as timestamp\)")


class Bench:
    """A copy of a warehouse whose ledger may be changed; a context manager."""

    def __init__(self, warehouse: Path, target: Path, folder: Path) -> None:
        copy = folder / "warehouse.duckdb"
        shutil.copyfile(warehouse, copy)
        self.db = duckdb.connect(str(copy))
        self._sql = {}
        for path in RECOMPUTED:
            compiled = target / "compiled" / "paygo" / "models" / f"{path}.sql"
            self._sql[path.rsplit("/", 1)[1]] = compiled.read_text(encoding="utf-8")
        self._relations = {
            name: f"{'view' if kind == 'VIEW' else 'table'} {schema}.{name}"
            for name, schema, kind in self.db.execute(
                "select table_name, table_schema, table_type from information_schema.tables"
            ).fetchall()
        }

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        cursor = self.db.execute(sql, list(params))
        names = [d[0] for d in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def evaluate(self, now: datetime | None = None) -> dict[str, tuple[str, str]]:
        """Compute the status again, as of `now` or the build: freshness, oldest source a metric."""
        for name, sql in self._sql.items():
            if now is not None:
                sql = RUN_MOMENT.sub(f"cast('{iso(now)}' as timestamp)", sql)
            self.db.execute(f"create or replace {self._relations[name]} as ({sql})")
        return {
            row["metric_id"]: (row["freshness"], row["oldest_source"])
            for row in self.rows("select * from reporting.rpt_metric_status")
        }

    def evaluated_at(self) -> datetime:
        (row,) = self.rows("select max(evaluated_at) as at from metrics.fct_metric_status")
        return row["at"].replace(tzinfo=UTC)

    def delay(self, stream: str, hours: int) -> None:
        """Take back the loads of a stream that are younger than so many hours."""
        horizon = self.evaluated_at().replace(tzinfo=None) - timedelta(hours=hours)
        self.db.execute(
            "create or replace temp table taken as "
            "select * from ops.load_ledger where stream = ? and as_of > ?",
            [stream, horizon],
        )
        self.db.execute("delete from ops.load_ledger where load_id in (select load_id from taken)")

    def restore(self) -> None:
        """Undo the last delay."""
        self.db.execute("insert into ops.load_ledger select * from taken")


def pair_table(bench: Bench, hours: int) -> dict[str, dict[str, tuple[str, str]]]:
    """Return the status of every metric by the one stream that is late."""
    table = {}
    for contract in CONTRACT:
        bench.delay(contract.stream, hours)
        table[contract.stream] = bench.evaluate()
        bench.restore()
    return table


def main() -> int:
    import tempfile

    warehouse, target = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder, Bench(warehouse, target, Path(folder)) as bench:
        calm = bench.evaluate()
        print(f"nothing late: {sum(f == 'fresh' for f, _ in calm.values())} of {len(calm)} fresh")
        table = pair_table(bench, 50)
    flips = 0
    for stream, status in table.items():
        stale = [m for m, (freshness, _) in status.items() if freshness != calm[m][0]]
        wrong = [m for m in stale if status[m][1] != stream]
        flips += len(stale)
        print(f"{stream}: {len(stale)} flip{', '.join(['', *stale])[1:]}")
        if wrong:
            print(f"  WRONG CULPRIT: {wrong}")
    pairs = len(table) * len(calm)
    print(f"{pairs} pairs, {flips} flip, {pairs - flips} stay")
    return 0


if __name__ == "__main__":
    sys.exit(main())
