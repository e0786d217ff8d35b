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
from orchestration.workspace import metric_ids

PROJECT = Path(__file__).parents[2] / "dbt_project"
DBT = Path(sys.executable).with_name("dbt")


@dataclass(frozen=True)
class CompiledProject:
    """The nodes of the project by unique id, with the SQL that dbt made of them."""

    nodes: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> CompiledProject:
        """Take models and seeds of a manifest that dbt wrote after compiling or building."""
        kinds = ("model", "seed")
        nodes = {k: n for k, n in manifest["nodes"].items() if n["resource_type"] in kinds}
        return cls(nodes)

    def at(self, compiled_for: str, as_of: str) -> CompiledProject:
        """Return the project as dbt would compile it for another moment of the run."""
        return self._replaced(compiled_for, as_of)

    def keeping(self, *, keeps: bool = True) -> CompiledProject:
        """Return the project as dbt compiles it when the kept tables stand, or when they do not."""
        says = "/* kept tables stand */ "
        return self._replaced(f"{says}{not keeps}".lower(), f"{says}{keeps}".lower())

    def _replaced(self, old: str, new: str) -> CompiledProject:
        return CompiledProject(
            {
                key: {**node, "compiled_code": node["compiled_code"].replace(old, new)}
                if node.get("compiled_code")
                else node
                for key, node in self.nodes.items()
            }
        )

    def order(
        self, targets: Collection[str], without: Collection[str] = ()
    ) -> list[dict[str, Any]]:
        """Return everything that the named models need, themselves included, in build order.

        Nodes whose name holds a part of `without` are left out, with what they alone need.
        """
        names = {n["name"]: key for key, n in self.nodes.items()}
        done: dict[str, None] = {}

        def visit(key: str) -> None:
            if key in done or key not in self.nodes:
                return
            if any(part in self.nodes[key]["name"] for part in without):
                return
            for parent in self.nodes[key]["depends_on"].get("nodes", []):
                visit(parent)
            done[key] = None

        for target in targets:
            visit(names[target])
        return [self.nodes[key] for key in done]

    def streams(self, targets: Collection[str]) -> frozenset[str]:
        """Return the streams whose rows the named models read, near or far."""
        parents = {p for node in self.order(targets) for p in node["depends_on"].get("nodes", [])}
        names = {t.raw_name: t.stream for t in CONTRACT}
        raw = "source.paygo.raw."
        return frozenset(names[p.removeprefix(raw)] for p in parents if p.startswith(raw))

    def build(self, connection: duckdb.DuckDBPyConnection, targets: Collection[str]) -> None:
        """Build the named models and all that they read, on a warehouse named `warehouse`."""
        for node in self.order(targets):
            self.build_node(connection, node)

    def build_node(self, connection: duckdb.DuckDBPyConnection, node: dict[str, Any]) -> None:
        """Build one seed or model in place of what stood there."""
        connection.execute(f"create schema if not exists {node['schema']}")
        relation = f'{node["schema"]}."{node["name"]}"'
        if node["resource_type"] == "seed":
            connection.execute(f"create or replace table {relation} as {_seed_sql(node)}")
            return
        if node["config"]["materialized"] == "kept":
            _keep(connection, node, relation)
            return
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        connection.execute(f"create or replace {kind} {relation} as ({node['compiled_code']})")


def _keep(connection: duckdb.DuckDBPyConnection, node: dict[str, Any], relation: str) -> None:
    """Do what macros/materializations/kept.sql does; dbt's own is held against it elsewhere."""
    config, sql = node["config"], node["compiled_code"]
    worklist = f'{node["schema"]}."{config["worklist"]}"'
    named = f"select entity_id from {worklist} where entity_kind = '{config['entity_kind']}'"
    before = f"select count(*) from {worklist} where entity_kind = 'load' and not is_new"
    name = node["name"]
    if connection.execute(before).fetchall() == [(0,)]:
        connection.execute(f"create or replace table {relation} as ({sql})")
        connection.execute("delete from ops.judged_loads where model = ?", [name])
    elif connection.execute(f"select count(*) from ({named})").fetchall() != [(0,)]:
        connection.execute(f"delete from {relation} where {config['entity_key']} in ({named})")
        connection.execute(f"insert into {relation} select * from ({sql})")
    connection.execute(
        f"insert into ops.judged_loads select ?, rule_version, entity_id from {worklist}"
        " where entity_kind = 'load' and is_new",
        [name],
    )


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
            *("--vars", json.dumps({"as_of": as_of, "metric_ids": metric_ids()})),
        ],
        env={**os.environ, "PAYGO_DUCKDB_PATH": str(warehouse)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"dbt could not compile its project:\n{done.stdout[-4000:]}")
    manifest = json.loads((folder / "target" / "manifest.json").read_text())
    return CompiledProject.of(manifest)
