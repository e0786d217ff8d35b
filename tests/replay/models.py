"""Builds dbt's models without dbt's start: compiled once, executed on many small warehouses.

The project is compiled by dbt itself; what is executed is what dbt would execute (views, tables,
seeds), in dbt's own order. Unit tests, data tests and contracts are dbt's business elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.sources.contract import CONTRACT
from orchestration.warehouse.ops import ops_ddl
from orchestration.warehouse.raw import raw_ddl

PROJECT = Path(__file__).parents[2] / "dbt_project"
DBT = Path(sys.executable).with_name("dbt")
LAYERS = ("staging", "intermediate", "marts", "metrics", "reporting", "seeds")


@dataclass(frozen=True)
class CompiledProject:
    """The nodes of the project by unique id, with the SQL that dbt made of them."""

    nodes: dict[str, dict[str, Any]]

    def order(self, targets: Collection[str]) -> list[dict[str, Any]]:
        """Return everything that the named models need, themselves included, in build order."""
        names = {n["name"]: key for key, n in self.nodes.items()}
        done: dict[str, None] = {}

        def visit(key: str) -> None:
            if key in done or key not in self.nodes:
                return
            for parent in self.nodes[key]["depends_on"].get("nodes", []):
                visit(parent)
            done[key] = None

        for target in targets:
            visit(names[target])
        return [self.nodes[key] for key in done]

    def build(self, connection: duckdb.DuckDBPyConnection, targets: Collection[str]) -> None:
        """Build the named models and all that they read, on a warehouse named `warehouse`."""
        for layer in LAYERS:
            connection.execute(f"create schema if not exists {layer}")
        for node in self.order(targets):
            relation = f'{node["schema"]}."{node["name"]}"'
            if node["resource_type"] == "seed":
                connection.execute(f"create or replace table {relation} as {_seed_sql(node)}")
                continue
            kind = "view" if node["config"]["materialized"] == "view" else "table"
            connection.execute(f"create or replace {kind} {relation} as ({node['compiled_code']})")


def _seed_sql(node: dict[str, Any]) -> str:
    types = node["config"].get("column_types") or {}
    given = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    file = PROJECT / node["original_file_path"]
    option = f", types={{{given}}}" if given else ""
    return f"select * from read_csv('{file}', header=true, auto_detect=true{option})"


def compile_project(folder: Path, as_of: str) -> CompiledProject:
    """Compile the whole project against empty raw tables; `as_of` becomes the run's moment."""
    warehouse = folder / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema raw; create schema ops")
        for statement in (*ops_ddl(), *(raw_ddl(t) for t in CONTRACT)):
            connection.execute(statement)
    done = subprocess.run(
        [
            *(str(DBT), "--no-use-colors", "--quiet", "compile"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
            *("--target", "duckdb", "--target-path", str(folder / "target")),
            *("--log-path", str(folder / "logs")),
            *("--vars", json.dumps({"as_of": as_of})),
        ],
        env={**os.environ, "PAYGO_DUCKDB_PATH": str(warehouse)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"dbt could not compile its project:\n{done.stdout[-4000:]}")
    manifest = json.loads((folder / "target" / "manifest.json").read_text())
    nodes = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed")
    }
    return CompiledProject(nodes)
