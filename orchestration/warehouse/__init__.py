"""The warehouse: landing, ledger and cursors. Knows the contract, neither Dagster nor a source."""

from __future__ import annotations

from typing import Literal

from orchestration.settings import Settings
from orchestration.warehouse.base import LoadResult, StagedLoad, StreamCursor, Warehouse

__all__ = ["LoadResult", "StagedLoad", "StreamCursor", "Warehouse", "open_warehouse"]


def open_warehouse(settings: Settings, mode: Literal["write", "read"]) -> Warehouse:
    """Open the configured warehouse; a context manager.

    `write` opens the working copy (one process at a time, creates every raw and ops
    table); `read` opens the last published state read-only. On BigQuery both are the
    project itself. Errors: PermanentFailure when the file is missing, the folder not
    writable or the project refuses; TransientFailure when another run holds the copy.
    """
    if settings.target == "bigquery":
        from orchestration.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse.open(settings, mode)
    from orchestration.warehouse.duckdb import DuckDbWarehouse

    return DuckDbWarehouse.open(settings, mode)
