"""Starts the emulator, in its own interpreter (Python 3.13), with what the proof needs of it.

Its tables lie in a plain DuckDB file: DuckLake writes a snapshot and several files for every
statement, which costs four times the CPU and answers nothing differently. What it answers is as it
is; `emulator_faults` lists what of that is wrong.
"""

from __future__ import annotations

import sys

import local_bigquery.engine.database as database


def _attach_plain(con, project_id: str) -> None:  # type: ignore[no-untyped-def]
    path = database.settings.data_dir / f"{project_id}.ducklake"
    con.execute(f"ATTACH IF NOT EXISTS '{path}' AS {database.quote(project_id)}")
    database._attached.add(project_id)


def _projects() -> list[str]:
    rows = database.fetch(
        "SELECT database_name FROM duckdb_databases() WHERE path LIKE '%.ducklake' ORDER BY 1"
    )
    return [name for (name,) in rows]


database._attach = _attach_plain
database.projects = _projects
# DuckDB looks for it again with every statement; it is not installed.
sys.modules["pandas"] = None  # type: ignore[assignment]

from local_bigquery.cli import main  # noqa: E402

main()
