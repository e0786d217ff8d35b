"""The warehouse: landing, ledger and cursors. Knows the contract, neither Dagster nor a source."""

from __future__ import annotations

from typing import Literal

from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse.base import LoadResult, StagedLoad, StreamCursor, Warehouse

__all__ = ["LoadResult", "StagedLoad", "StreamCursor", "Warehouse", "open_warehouse"]


def open_warehouse(settings: Settings, mode: Literal["write", "read"]) -> Warehouse:
    """Open the configured warehouse; a context manager.

    `write` opens the working copy (one process at a time, creates every raw and ops
    table); `read` opens the last published state read-only. Errors: PermanentFailure
    when the target is not available, the file is missing or the folder not writable;
    TransientFailure when another run holds the working copy.
    """
    if settings.target != "duckdb":
        raise PermanentFailure(
            f"the warehouse target {settings.target!r} is not available in this version",
            tried="opening the warehouse",
            todo="set PAYGO_TARGET=duckdb",
        )
    from orchestration.warehouse.duckdb import DuckDbWarehouse

    return DuckDbWarehouse.open(settings, mode)
