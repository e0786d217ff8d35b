"""What one extraction is told and what it reports. No source, no warehouse code here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from orchestration.errors import PaygoError, PermanentFailure, TransientFailure
from orchestration.settings import Settings
from orchestration.sources.contract import RawTable
from orchestration.warehouse.base import (
    LoadMode,
    LoadRequest,
    LoadResult,
    Scope,
    StagedLoad,
    StreamCursor,
    Totals,
    Warehouse,
)


class ReconciliationFailure(TransientFailure):
    """Source and warehouse would not agree; nothing was landed. `row` holds both sides."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = dict(row)
        sides = (
            f"{row[f'{side}_count']} rows, keys {row[f'{side}_key_hash']}, "
            f"money {row[f'{side}_money']}"
            for side in ("source", "warehouse")
        )
        super().__init__(
            f"{row['stream']}: the source has {next(sides)}; the load would leave {next(sides)}",
            tried="comparing count, keys and money before the commit; nothing of this stream "
            "was landed",
            todo="run again; when it stays, look for repeated keys in the source",
        )


def key_totals(keys: Collection[str], money: Mapping[str, Decimal] | None = None) -> Totals:
    """Return the totals of what a source showed, from its distinct keys."""
    lower = (hashlib.md5(k.encode(), usedforsecurity=False).digest()[8:] for k in set(keys))
    total = sum(int.from_bytes(digest, "little") for digest in lower)
    return Totals(len(set(keys)), total, money or {})


def _agree(source: Totals, warehouse: Totals) -> bool:
    """Compare what both sides know; the count always."""
    hashes = (source.key_hash, warehouse.key_hash)
    same_keys = None in hashes or hashes[0] == hashes[1]
    unknown = not source.money or not warehouse.money
    same_money = unknown or source.money == warehouse.money
    return source.rows == warehouse.rows and same_keys and same_money


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _money(totals: Totals) -> str:
    return json.dumps({n: f"{v.normalize():f}" for n, v in sorted(totals.money.items())})


def read_whole_at(standing: StreamCursor) -> int:
    """Return when a stream was last read as a whole (epoch seconds)."""
    return int(standing.cursor.get("read_whole", standing.as_of.timestamp()))


def is_unreconciled(standing: StreamCursor, until: int, days: int) -> bool:
    """Whether a stream is to be read whole again at `until` (epoch seconds); `days` 0: never.

    A feed of changes, or a search by update, tells nothing of a change that it has missed.
    """
    return days > 0 and until - read_whole_at(standing) >= days * 86_400


@dataclass(frozen=True)
class StreamOutcome:
    """What came of one stream. `warning` stands beside status ok; `error` beside failed."""

    stream: str
    status: Literal["ok", "failed"]
    rows_appended: int = 0
    rows_deleted: int = 0
    mode: str = ""
    error: PaygoError | None = None
    warning_kind: str | None = None
    warning: str | None = None
    replica_lag_seconds: int | None = None
    """How far the standby that was read was behind the run's moment; None: a primary was read."""


@dataclass(frozen=True)
class Extraction:
    """One call: which streams of which source, as of when, into which warehouse."""

    source: str
    settings: Settings
    warehouse: Warehouse
    as_of: datetime
    run_id: str
    tables: Sequence[RawTable]

    def stage(self, table: RawTable, mode: LoadMode, *, is_strict: bool = True) -> StagedLoad:
        """Begin the load of one stream."""
        return self.warehouse.stage(self.request(table, mode, is_strict=is_strict))

    def request(self, table: RawTable, mode: LoadMode, *, is_strict: bool = True) -> LoadRequest:
        """Return the identity of the load of one stream."""
        return LoadRequest(
            stream=table.stream,
            as_of=self.as_of,
            run_id=self.run_id,
            mode=mode,
            recorded_at=self.settings.clock().now(),
            is_strict=is_strict,
        )

    @property
    def hash_key(self) -> bytes:
        """Key of the keyed hashes. PermanentFailure without: a known key would hide nothing."""
        key = self.settings.hash_key
        if key is None or not key.get_secret_value():
            raise PermanentFailure(
                "there is no key for hashing personal identifiers",
                todo="set PAYGO_HASH_KEY to a long random text and keep it: with another key, "
                "hashes of earlier loads no longer match",
            )
        return key.get_secret_value().encode()

    def schema_change(
        self, table: RawTable, change: str, column: str, detail: str
    ) -> dict[str, Any]:
        """Return a row of `ops.schema_changes`."""
        return {
            "stream": table.stream,
            "change": change,
            "column_name": column,
            "detail": detail,
            "as_of": self.as_of,
        }

    def reconciliation(
        self, table: RawTable, source: Totals, warehouse: Totals, scope: Scope = "all"
    ) -> dict[str, Any]:
        """Return a row of `ops.reconciliation` from the totals of both sides."""
        return {
            "run_id": self.run_id,
            "stream": table.stream,
            "as_of": self.as_of,
            "source_count": source.rows,
            "warehouse_count": warehouse.rows,
            "source_key_hash": _text(source.key_hash),
            "warehouse_key_hash": _text(warehouse.key_hash),
            "verdict": "matched" if _agree(source, warehouse) else "mismatched",
            "scope": scope,
            "source_money": _money(source),
            "warehouse_money": _money(warehouse),
        }

    def require_match(self, row: Mapping[str, Any]) -> None:
        """Refuse a load whose two sides differ; the row is kept with the failed attempt."""
        if row["verdict"] == "mismatched":
            raise ReconciliationFailure(row)


def ok(
    table: RawTable, mode: str, result: LoadResult, warning: tuple[str, str] | None = None
) -> StreamOutcome:
    """Report a committed load."""
    return StreamOutcome(
        table.stream,
        "ok",
        result.rows_appended,
        result.rows_deleted,
        mode if result.outcome == "committed" else result.outcome,
        warning_kind=warning[0] if warning else None,
        warning=warning[1] if warning else None,
    )


def failed(table: RawTable, error: PaygoError) -> StreamOutcome:
    """Report a stream of which nothing was landed."""
    return StreamOutcome(table.stream, "failed", error=error)
