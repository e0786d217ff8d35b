"""One reading of the reporting models, on which all claims of an edition are executed.

A model is read from the warehouse once, when the first claim asks for it: the figures of an
edition belong to one moment, and the engine is asked once a model instead of once a figure.
`paygo verify` runs the same queries in the warehouse itself. Nothing is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from dashboards.evidence import reporting_tables
from orchestration.closing import Closing
from orchestration.warehouse.base import Warehouse

_MODEL = re.compile(r"\breporting\.(\w+)")


class Snapshot(Closing):
    """The reporting models, held in memory as far as they were asked for."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("create schema reporting")
        self._models = reporting_tables(warehouse)
        self._copied: set[str] = set()

    def close(self) -> None:
        self._connection.close()

    def has(self, model: str) -> bool:
        """Say whether a reporting model exists."""
        return model in self._models

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Run one select over models of the snapshot and return its rows."""
        for found in _MODEL.finditer(sql):
            self._need(found[1])
        return self._connection.sql(sql, params=list(params)).to_arrow_table()

    def _need(self, model: str) -> None:
        if model in self._copied or model not in self._models:
            return
        rows = self._warehouse.query(f"select * from reporting.{model}")
        self._connection.register("rows_of_the_warehouse", rows)
        self._connection.execute(
            f"create table reporting.{model} as select * from rows_of_the_warehouse"
        )
        self._connection.unregister("rows_of_the_warehouse")
        self._copied.add(model)

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run one select and return plain rows."""
        return list(self.query(sql, params).to_pylist())

    def table(self, model: str, order: str) -> list[dict[str, Any]]:
        """Return the rows of a reporting model; none when it does not exist."""
        if not self.has(model):
            return []
        return self.rows(f"select * from reporting.{model} order by {order}")
