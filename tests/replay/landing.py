"""Lands a world's change folders in the raw tables of a scratch warehouse, day by day.

Belongs here: what the extraction would have written (row versions, tombstones, ledger, attempts)
for a world that is served by nobody. Does not: models, or what they must find.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from orchestration.sources.contract import CONTRACT, META_COLUMNS, Column, RawTable
from orchestration.warehouse.ops import ops_ddl
from orchestration.warehouse.raw import SQL_TYPES, quoted, raw_ddl

Row = dict[str, Any]

LANDED = tuple(t for t in CONTRACT if t.source in ("engine", "billing", "core", "stripe", "jira"))

# Contract column → key of the world's compact row, where it is not the last part of the path.
_NAMES: dict[str, dict[str, str]] = {
    "customers": {"is_delinquent": "delinquent"},
    "payment_methods": {"customer_id": "customer"},
    "subscriptions": {
        "customer_id": "customer",
        "trial_end_at": "trial_end",
        "latest_invoice_id": "latest_invoice",
    },
    "subscription_items": {
        "price_id": "price_id",
        "product_id": "product_id",
        "unit_amount_minor": "unit_amount",
        "unit_amount": "unit_amount_decimal",
        "recurring_interval": "interval",
    },
    "invoices": {"customer_id": "customer", "subscription_id": "subscription"},
    "invoice_line_items": {
        "price_id": "price_id",
        "period_start_at": "period_start",
        "period_end_at": "period_end",
    },
    "events": {"object_id": "object_id"},
    "issues": {
        "issue_id": "id",
        "issue_key": "key",
        "project_key": "project",
        "description_text": "description",
        "created_at": "created",
        "updated_at": "updated",
    },
    "changelog_items": {"changelog_item_id": "id", "created_at": "created"},
}


def moment(folder: Path) -> datetime:
    """Boundary of a change folder, UTC without zone as the warehouse stores it."""
    return datetime.strptime(folder.name[4:], "%Y%m%dT%H%M%SZ")  # noqa: DTZ007


def folders(world: Path) -> list[Path]:
    """Change folders in order."""
    return sorted((world / "changes").iterdir())


def _source_key(table: RawTable, column: Column) -> str:
    known = _NAMES.get(table.name, {}) if table.source in ("stripe", "jira") else {}
    if column.name in known:
        return known[column.name]
    if table.source in ("stripe", "jira"):
        return (column.path or column.name).split(".")[-1]
    return column.name


def _value(table: RawTable, column: Column, row: Row) -> Any:
    if column.name == "payload":
        return "{}"
    if table.source == "stripe" and (column.path or "").startswith("metadata."):
        metadata = row.get("metadata") or {}
        return metadata.get((column.path or "")[len("metadata.") :])
    return row.get(_source_key(table, column))


def _text(column: Column, value: Any) -> Any:
    if value is None or column.type == "string_array":
        return value
    if column.type == "json" and not isinstance(value, str):
        return orjson.dumps(value).decode()
    if column.type == "timestamp":
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value)


def _key(table: RawTable, row: Row) -> str:
    return str(row["id" if table.source in ("stripe", "jira") else table.primary_key])


class Landing:
    """Raw tables and ledger of one warehouse file, filled a boundary at a time."""

    def __init__(
        self,
        warehouse: Path,
        world: Path,
        streams: Collection[str] | None = None,
        *,
        shuffle: int | None = None,
    ) -> None:
        """Rows land of `streams` only (None: all); every stream's loads are in the ledger."""
        self.warehouse = warehouse
        self.connection = duckdb.connect(str(warehouse), config={"threads": 1})
        self.world = world
        self._streams = streams
        self._shuffle = None if shuffle is None else random.Random(shuffle)
        for schema in ("raw", "ops"):
            self.connection.execute(f"create schema if not exists {schema}")
        for statement in (*ops_ddl(), *(raw_ddl(t) for t in CONTRACT)):
            self.connection.execute(statement)

    def __enter__(self) -> Landing:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def land(
        self,
        chosen: Iterable[Path],
        *,
        failed: Collection[str] = (),
        as_of: dict[str, datetime] | None = None,
    ) -> None:
        """Land folders. Streams of `failed` sources do not; `as_of` moves a source's moment."""
        waiting: dict[str, list[tuple[str, datetime, str, Row | None]]] = {}
        ledger: list[tuple[Any, ...]] = []
        attempts: list[tuple[Any, ...]] = []
        for folder in chosen:
            at = moment(folder)
            for table in LANDED:
                seen_at = (as_of or {}).get(table.source, at)
                load = f"{table.stream}@{seen_at:%Y%m%dT%H%M%S}"
                is_failed = table.source in failed
                status = "failed" if is_failed else "ok"
                attempts.append((load, table.stream, table.source, seen_at, status, seen_at))
                if is_failed:
                    continue
                wanted = self._streams is None or table.stream in self._streams
                rows = list(_changes(folder / f"{table.stream}.jsonl")) if wanted else []
                waiting.setdefault(table.stream, []).extend(
                    (_key(table, row) if row else key, seen_at, load, row) for key, row in rows
                )
                ledger.append((load, table.stream, table.source, seen_at, len(rows)))
        for table in LANDED:
            self._insert(table, waiting.get(table.stream, []))
        self.connection.executemany(
            "insert into ops.load_ledger values (?, ?, ?, ?, 'run', 'delta', ?, 0, '{}', '', ?)",
            [(*entry, entry[3]) for entry in ledger],
        )
        self.connection.executemany(
            "insert into ops.stream_runs (run_id, stream, source, as_of, status, recorded_at)"
            " values (?, ?, ?, ?, ?, ?)",
            attempts,
        )

    def _insert(
        self, table: RawTable, versions: list[tuple[str, datetime, str, Row | None]]
    ) -> None:
        if not versions:
            return
        if self._shuffle is not None:
            self._shuffle.shuffle(versions)
        columns: dict[str, pa.Array] = {}
        for column in table.landed_columns:
            kind = pa.list_(pa.string()) if column.type == "string_array" else pa.string()
            values = [
                (key if column.name == table.primary_key else None)
                if row is None
                else _text(column, _value(table, column, row))
                for key, _, _, row in versions
            ]
            columns[column.name] = pa.array(values, kind)
        is_gone = [row is None or row.get("deleted") is True for _, _, _, row in versions]
        columns["_as_of"] = pa.array([at for _, at, _, _ in versions], pa.timestamp("us"))
        columns["_load_id"] = pa.array([load for _, _, load, _ in versions], pa.string())
        columns["_row_hash"] = pa.array([0] * len(versions), pa.int64())
        columns["_is_deleted"] = pa.array(is_gone, pa.bool_())
        casts = ", ".join(
            f"cast({quoted(c.name)} as {SQL_TYPES[c.type]})"
            for c in (*table.landed_columns, *META_COLUMNS)
        )
        names = ", ".join(quoted(c.name) for c in (*table.landed_columns, *META_COLUMNS))
        self.connection.register("versions", pa.table(columns))
        self.connection.execute(
            f"insert into raw.{table.raw_name} ({names}) select {casts} from versions"
        )
        self.connection.unregister("versions")


def _changes(file: Path) -> Iterable[tuple[str, Row | None]]:
    """(key, row) of every change; the row is None for a deletion."""
    if not file.exists():
        return
    for line in file.read_bytes().splitlines():
        change = orjson.loads(line)
        yield change.get("key", ""), change.get("row")
