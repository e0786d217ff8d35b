"""Starts the emulator, in its own interpreter (Python 3.13), with what the proof needs of it.

Its tables lie in a plain DuckDB file: DuckLake writes a snapshot and several files for every
statement, which costs four times the CPU and answers nothing differently. What of `emulator_faults`
would make the proof differ is repaired, unless `EMULATOR_AS_IT_IS` is set.
"""

from __future__ import annotations

import os
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
from local_bigquery.sql.rules import NODE_RULES  # noqa: E402
from sqlglot import exp  # noqa: E402


def _div_in_parentheses(node, context):  # type: ignore[no-untyped-def]
    if isinstance(node, exp.IntDiv):
        for side in ("this", "expression"):
            if isinstance(node.args[side], exp.Binary):
                node.set(side, exp.Paren(this=node.args[side].copy()))
    return node


if not os.environ.get("EMULATOR_AS_IT_IS"):
    NODE_RULES.insert(0, _div_in_parentheses)

main()
