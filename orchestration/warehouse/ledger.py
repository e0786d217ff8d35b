"""Identity of loads and the SQL of ledger and cursors. Reads and writes no source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orchestration.clock import iso
from orchestration.sources.contract import RawTable
from orchestration.warehouse.base import StreamCursor
from orchestration.warehouse.raw import contract_fingerprint


def naive_utc(moment: datetime) -> datetime:
    """Return the moment as the warehouse stores it: UTC without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)


def aware_utc(moment: datetime) -> datetime:
    """Return a stored time as an aware one."""
    return moment.replace(tzinfo=UTC)


def load_id(table: RawTable, as_of: datetime) -> str:
    """Return the deterministic id of a load: the same stream, as_of and contract, the same id."""
    text = f"{table.stream}|{iso(as_of)}|{contract_fingerprint(table)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def cursor_text(cursor: Mapping[str, Any]) -> str:
    """Write a cursor canonically (sorted keys), so that equal cursors are equal texts."""
    return json.dumps(cursor, sort_keys=True, separators=(",", ":"))


def stored_cursor(stream: str, text: str, as_of: datetime, load: str) -> StreamCursor:
    """Rebuild a cursor from its row in `ops.stream_cursors`."""
    return StreamCursor(stream, json.loads(text), aware_utc(as_of), load)


INSERT_LEDGER = """
insert into ops.load_ledger
    (load_id, stream, source, as_of, run_id, mode, rows_appended, rows_deleted,
     cursor_json, content_hash, committed_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

INSERT_CURSOR = """
insert into ops.stream_cursors (cursor_json, as_of, load_id, stream) values (?, ?, ?, ?)
"""

UPDATE_CURSOR = """
update ops.stream_cursors set cursor_json = ?, as_of = ?, load_id = ? where stream = ?
"""

SELECT_CURSORS = "select stream, cursor_json, as_of, load_id from ops.stream_cursors"

SELECT_LOAD = "select load_id from ops.load_ledger where load_id = ?"


def is_committed(stream: str) -> str:
    """Return the condition on rows of a raw table that the ledger holds their load.

    `stream` is a parameter or a name of the contract in quotes. Where a load job and its commit are
    two steps (BigQuery), an attempt that died between them has left rows that do not meet it.
    """
    return f"_load_id in (select load_id from ops.load_ledger where stream = {stream})"


def committed_rows(table: RawTable) -> str:
    """Return the relation, in brackets, of a raw table's committed row versions."""
    condition = is_committed(f"'{table.stream}'")
    return f"(select * from raw.{table.raw_name} where {condition})"


WRITTEN_ONCE = {
    "schema_changes": ("stream", "change", "column_name", "detail"),
    "quarantine": ("stream", "row_key", "column_name", "rule", "value_text"),
}
"""Ops tables where seeing the same thing again at a later load adds no row, by what."""
