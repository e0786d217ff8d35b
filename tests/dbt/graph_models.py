"""The compiled models of the knowledge graph, executed on hand-made inputs in memory.

The SQL is what dbt compiled for the shared demo, so that a test of a thousand graphs needs no
dbt. Belongs here: loading inputs, running models in order. Does not: what they should answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

SCHEMAS = {"stg": "staging", "fct": "marts", "rpt": "reporting", "int": "intermediate"}
GRAPH_MODELS = (
    "fct_graph_edges",
    "fct_hypotheses",
    "fct_graph_nodes",
    "fct_graph_dependencies",
    "fct_certifications",
    "rpt_graph_status",
    "rpt_graph_edges",
    "rpt_graph_contradictions",
    "rpt_graph_blast_radius",
    "rpt_graph_debt",
)
NODE_COLUMNS = (
    "node_id", "kind", "domain", "title", "statement", "metric_id", "claim_query", "query", "unit",
    "tolerance", "code_reference", "dimension", "direction", "size_basis", "size", "window_days",
    "stated_on", "shipped_on", "certified_by", "certified_on", "certified_definition",
    "evidence_hash", "is_simulated", "definition_hash", "file", "line",
)  # fmt: skip
_TYPES = {"is_simulated": "boolean", "window_days": "bigint", "line": "bigint"}
_INPUTS = (
    "create schema staging; create schema marts; create schema reporting; create schema seeds",
    "create schema metrics; create schema intermediate",
    "create table staging.stg_knowledge__nodes ("
    + ", ".join(f"{c} {_TYPES.get(c, 'varchar')}" for c in NODE_COLUMNS)
    + ")",
    "create table staging.stg_knowledge__edges (edge_id varchar, from_node_id varchar,"
    " relation varchar, to_node_id varchar, is_simulated boolean, file varchar, line bigint)",
    "create table metrics.fct_metric_status (metric_id varchar, evidence varchar,"
    " freshness varchar, as_of timestamp, oldest_source varchar)",
    "create table intermediate.int_knowledge__prediction_days (metric_id varchar,"
    " dimension varchar, observation_date date, value decimal(38, 9))",
    "create table marts.fct_discrepancies (detector varchar, state varchar)",
    "create table seeds.metric_catalogue (metric_id varchar, streams varchar, title varchar,"
    " unit varchar)",
    "create table seeds.detector_streams (detector varchar, stream varchar)",
)


class GraphModels:
    """An in-memory warehouse that holds the inputs of the graph's models."""

    def __init__(self, compiled: Path) -> None:
        self._compiled = compiled
        self.connection = duckdb.connect()
        self.connection.execute("attach ':memory:' as warehouse; use warehouse")
        for statement in _INPUTS:
            self.connection.execute(statement).fetchall()

    def close(self) -> None:
        self.connection.close()

    def clear(self) -> None:
        """Empty the inputs."""
        for table in (
            "staging.stg_knowledge__nodes",
            "staging.stg_knowledge__edges",
            "metrics.fct_metric_status",
            "intermediate.int_knowledge__prediction_days",
            "marts.fct_discrepancies",
            "seeds.metric_catalogue",
            "seeds.detector_streams",
        ):
            self.connection.execute(f"delete from {table}").fetchall()

    def insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows given as mappings; columns that are not named stay null."""
        rows = list(rows)
        if not rows:
            return
        columns = list(dict.fromkeys(name for row in rows for name in row))
        marks = "(" + ", ".join("?" * len(columns)) + ")"
        self.connection.execute(
            f"insert into {table} ({', '.join(columns)}) values {', '.join([marks] * len(rows))}",
            [row.get(column) for row in rows for column in columns],
        ).fetchall()

    def build(self, models: Sequence[str] = GRAPH_MODELS) -> None:
        """Run the models in order, as tables."""
        build(self.connection, self._compiled, models)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


def compiled_sql(compiled: Path, model: str) -> str:
    """Return the SQL that dbt compiled for a model."""
    (path,) = (compiled / "models").rglob(f"{model}.sql")
    return path.read_text(encoding="utf-8")


def build(connection: duckdb.DuckDBPyConnection, compiled: Path, models: Sequence[str]) -> None:
    """Build models as tables in place of what stands there."""
    for model in models:
        schema = "metrics" if "metric" in model else SCHEMAS[model.split("_")[0]]
        name = f"{schema}.{model}"
        kind = connection.execute(
            "select table_type from information_schema.tables"
            " where table_schema = ? and table_name = ?",
            [schema, model],
        ).fetchall()
        if kind and kind[0][0] == "VIEW":
            connection.execute(f"drop view {name}").fetchall()
        sql = compiled_sql(compiled, model)
        connection.execute(f"create or replace table {name} as {sql}").fetchall()
