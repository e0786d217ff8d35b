"""The warehouse: landing, ledger and cursors. Knows the contract, neither Dagster nor a source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from orchestration.settings import Settings
from orchestration.warehouse.base import LoadResult, StagedLoad, StreamCursor, Warehouse
from orchestration.warehouse.publishing import build_marker

__all__ = [
    "LoadResult",
    "StagedLoad",
    "StreamCursor",
    "Warehouse",
    "finished_models",
    "open_warehouse",
]


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


@contextmanager
def finished_models(settings: Settings, warehouse: Warehouse) -> Iterator[Warehouse]:
    """Yield where the models of the last finished build can be read.

    That is the open warehouse, or the published one while the working copy is half built;
    BigQuery has only the one.
    """
    if settings.target == "bigquery" or not build_marker(settings).exists():
        yield warehouse
        return
    with open_warehouse(settings, "read") as published:
        yield published
