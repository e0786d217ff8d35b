"""Both detectors on a large world, against hand-written joins; the whole build; BigQuery's bytes.

Runs in a process of its own, so that its peak memory is its own. dbt compiles the project once;
the SQL is what dbt would run, and its time is the time of the SQL (dbt's own start apart). The
first day judges everything, the second what its loads touched. At the end the whole project is
built with everything judged anew, with a limit for each model.
"""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests.bench import drift_world
from tests.replay.models import compile_project

AS_OF = "2026-03-03T06:00:00Z"
LEDGER = ("fct_discrepancies", "fct_discrepancy_days", "fct_drift_exclusions")
OTHERS = ("triple_store", "double_charge", "entitlement")
"""Detectors that are not measured: their models, and what only they read, stand empty."""
MEMORY_LIMIT = "4GB"
"""Of the engine's buffers. What it allocates beside them has to fit into the limit as well."""
PATIENCE = 900.0
"""Seconds for one model of the whole build; it is stopped then, reported, and left empty."""
GIGABYTE = 1_000_000_000
ANALYSES = Path(__file__).parents[2] / "dbt_project" / "analyses"
WIDTHS = {"BIGINT": 8, "INTEGER": 8, "TIMESTAMP": 8, "DATE": 8, "BOOLEAN": 1, "DOUBLE": 8}
"""Bytes that BigQuery bills a value; NUMERIC 16, a text 2 and its length."""


def measure(accounts: int, *, builds_all: bool) -> list[dict[str, Any]]:
    """Rows of the table for a world of that many accounts, with or without the whole build."""
    parts = "everything" if builds_all else "detectors"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.drift_path", str(accounts), parts],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


class Measured:
    """One large warehouse and the compiled project."""

    def __init__(self, folder: Path, accounts: int) -> None:
        (folder / "compiled").mkdir()
        self.project = compile_project(folder / "compiled", AS_OF).keeping()
        self.size = drift_world.Size(accounts)
        self.file, self.spill = folder / "warehouse.duckdb", folder / "spill"
        self.connection = self._open()
        drift_world.create(self.connection)
        # Everything on empty tables, so that what is not measured stands.
        self.project.build(self.connection, [n["name"] for n in self.project.nodes.values()])

    def _open(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            str(self.file),
            config={
                "threads": 2,
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(self.spill),
                "preserve_insertion_order": False,
            },
        )

    def land(self, day: int) -> None:
        drift_world.load(self.connection, self.size, day)
        self.connection.execute("checkpoint")

    def bare(self, day: int) -> float:
        """Seconds of the hand-written joins: the better of two runs, each of a file just opened."""
        runs = []
        for _ in range(2):
            self._reopen()
            runs.append(_timed(lambda: drift_world.bare_joins(self.connection, day)))
        return min(runs)

    def build(self, targets: tuple[str, ...], without: tuple[str, ...]) -> dict[str, float]:
        """Seconds of every model that the targets need, apart from the other detectors'.

        As with the hand-written joins the better of two runs, each of a file just opened, and of
        the same state.
        """
        before = self.file.with_suffix(".before")
        self.connection.close()
        shutil.copyfile(self.file, before)
        runs = []
        for again in (False, True):
            self.connection.close()
            if again:
                before.replace(self.file)
            self._reopen()
            needed = self.project.order(targets, without)
            runs.append({n["name"]: _timed(lambda n=n: self._node(n)) for n in needed})  # type: ignore[misc]
        return min(runs, key=lambda run: sum(run.values()))

    def _reopen(self) -> None:
        self.connection.close()
        self.connection = self._open()

    def build_all(self) -> dict[str, float]:
        """Seconds of every node of the project with everything anew; says each as it is done."""
        project = self.project.keeping(keeps=False)
        seconds = {}
        for node in project.order([n["name"] for n in project.nodes.values()]):
            stop = threading.Timer(PATIENCE, self.connection.interrupt)
            stop.start()
            try:
                seconds[node["name"]] = _timed(lambda node=node: self._node(node))  # type: ignore[misc]
            except (duckdb.InterruptException, duckdb.OutOfMemoryException) as error:
                seconds[node["name"]] = PATIENCE
                _say(f"  NOT BUILT  {node['name']}: {str(error).splitlines()[0]}")
                empty = f"select * from ({node['compiled_code']}) as emptied limit 0"
                self._node({**node, "compiled_code": empty})
            finally:
                stop.cancel()
            if seconds[node["name"]] > 5:
                _say(f"  {seconds[node['name']]:8.2f} s  {node['name']}")
        return seconds

    def _node(self, node: dict[str, Any]) -> None:
        self.project.build_node(self.connection, node)

    def scanned(self, sql: str) -> int:
        """Bytes that BigQuery would scan: of every column read, its width times its rows."""
        (plan,) = self.connection.execute(f"explain (format json) {sql}").fetchall()
        return sum(self._scan(scan) for scan in _scans(json.loads(plan[1])))

    def _scan(self, scan: dict[str, Any]) -> int:
        table = scan["extra_info"]["Table"]
        columns = scan["extra_info"].get("Projections", [])
        columns = [columns] if isinstance(columns, str) else columns
        # A count reads no column, and a row's number is none.
        return sum(self._width(table, column) for column in columns if column not in ("", "rowid"))

    def _width(self, table: str, column: str) -> int:
        known: dict[tuple[str, str], int] = self.__dict__.setdefault("_widths", {})
        if (table, column) not in known:
            sql = f'select any_value(typeof("{column}")), count(*) from {table}'
            kind, rows = self.connection.execute(sql).fetchall()[0]
            text = f'select coalesce(sum(2 + length("{column}"::varchar)), 0)::bigint from {table}'
            if str(kind).startswith("DECIMAL"):
                known[table, column] = 16 * rows
            elif kind in WIDTHS:
                known[table, column] = WIDTHS[kind] * rows
            else:
                known[table, column] = self.connection.execute(text).fetchall()[0][0]
        return known[table, column]


def _scans(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [scan for child in node for scan in _scans(child)]
    own = [node] if "Table" in (node.get("extra_info") or {}) else []
    return own + _scans(node.get("children", []))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _forget_peak() -> None:
    """Begin a new peak of resident memory (Linux); where that is refused the old one stands."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_gigabytes() -> float:
    """Peak of resident memory since `_forget_peak`."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIGABYTE
    (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / GIGABYTE


def _row(name: str, value: float, against: str, ratio: float, limit: float, unit: str) -> dict:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "against": against,
        "ratio": ratio,
        "limit": limit,
        "better": "lower",
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(folder: Path, accounts: int, *, builds_all: bool) -> list[dict[str, Any]]:
    """Measure everything on one world; progress and the long tables go to stderr."""
    measured = Measured(folder, accounts)
    scale = f"{accounts:,} accounts"
    rows, peak = [], 0.0
    for day, limit in ((0, 3.0), (1, 1.2)):
        measured.land(day)
        label = "first day" if day == 0 else "second day, 1 % changed"
        _say(f"{label}: landed; {_disk_gigabytes(folder):.1f} GB on disk")
        bare = measured.bare(day)
        _forget_peak()
        seconds = measured.build(LEDGER, OTHERS)
        peak = max(peak, _peak_gigabytes())
        total = sum(seconds.values())
        _say(f"{label}: bare {bare:.2f} s, models {total:.2f} s; slowest first:")
        _say_slowest(seconds, 12)
        against = f"hand-written joins ({bare:.2f} s)"
        name = f"drift detectors and ledger, {scale}, {label}"
        rows.append(_row(name, total, against, total / bare, limit, "s"))
    rows.append(_row(f"drift detectors, {scale}, peak memory", peak, "6 GB", peak / 6, 1.0, "GB"))
    return rows + (_whole_build(measured, scale) if builds_all else [])


def _disk_gigabytes(folder: Path) -> float:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / GIGABYTE


def _whole_build(measured: Measured, scale: str) -> list[dict[str, Any]]:
    _forget_peak()
    seconds = measured.build_all()
    total, peak = sum(seconds.values()), _peak_gigabytes()
    _say(f"whole build at {scale}: {total:.1f} s; slowest first:")
    _say_slowest(seconds, 40)
    tables = [
        n
        for n in measured.project.nodes.values()
        if n["resource_type"] == "model" and n["config"]["materialized"] != "view"
    ]
    scanned = {n["name"]: measured.scanned(n["compiled_code"]) for n in tables}
    _say("bytes that BigQuery would scan, a model of the daily build:")
    for name, size in sorted(scanned.items(), key=lambda pair: -pair[1])[:25]:
        _say(f"  {size / GIGABYTE:10.3f} GB  {name}")
    daily = sum(scanned.values()) / GIGABYTE
    rows = [
        _row(f"whole build, {scale}, slowest first on stderr", total, "no limit", 0, 1.0, "s"),
        _row(f"whole build, {scale}, peak memory", peak, "no limit", 0, 1.0, "GB"),
        _row(f"BigQuery bytes, one daily build, {scale}", daily, "no limit", 0, 1.0, "GB"),
    ]
    from tests.dbt.test_analyses import query

    for path in sorted(ANALYSES.glob("*.sql")):
        size = measured.scanned(query(path.stem)) / GIGABYTE
        name = f"BigQuery bytes, {path.stem}, {scale}"
        rows.append(_row(name, size, "no limit", 0, 1.0, "GB"))
    return rows


def _say_slowest(seconds: dict[str, float], shown: int) -> None:
    for name, taken in sorted(seconds.items(), key=lambda pair: -pair[1])[:shown]:
        _say(f"  {taken:8.2f} s  {name}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as scratch:
        said = run(Path(scratch), int(sys.argv[1]), builds_all=sys.argv[2] == "everything")
        print(json.dumps(said))
