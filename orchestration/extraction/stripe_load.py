"""The load of one Stripe stream while its parts arrive from several workers. Reads nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from orchestration.errors import PaygoError, TransientFailure
from orchestration.extraction.outcome import (
    Extraction,
    StreamOutcome,
    failed,
    key_totals,
    ok,
    read_whole_at,
)
from orchestration.sources.contract import RawTable
from orchestration.sources.stripe_plan import Part
from orchestration.warehouse.base import LoadMode, Scope, StagedLoad, Totals
from orchestration.warehouse.raw import contract_fingerprint

# Rows that wait in memory before they are staged: small inserts cost more than the rows.
_STAGE_ROWS = 4_000


class StripeLoad:
    """The load of one stream while its parts arrive."""

    def __init__(
        self,
        run: Extraction,
        table: RawTable,
        mode: LoadMode,
        fields: set[str],
        *,
        is_strict: bool,
    ) -> None:
        """`fields` fills with the names of fields that objects have, while they are read."""
        self.table = table
        self.staged: StagedLoad = run.stage(table, mode, is_strict=is_strict)
        self.newest = 0
        self.keeps_missing = False
        self._run = run
        self._mode = mode
        standing = run.warehouse.cursor(table.stream)
        now = int(run.as_of.timestamp())
        before = read_whole_at(standing) if standing else now
        self._fields = fields
        self._known_fields = set(standing.cursor.get("fields", ())) if standing else set()
        self._read_whole = before if mode == "delta" else now
        self._error: PaygoError | None = None
        self._result: StreamOutcome | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._rows = 0
        self._parents: dict[str, set[str]] = {}
        self._violations: set[str] = set()
        self._came: dict[str, tuple[Any, ...]] = {}

    def fail(self, error: PaygoError) -> None:
        """Remember the first reason why nothing of this stream will land."""
        self._error = self._error or error
        self._waiting.clear()

    def take(self, part: Part) -> None:
        """Stage a part."""
        if part.error is not None:
            self.fail(part.error)
        if self._error is not None:
            return
        if column := part.kind.children.get(part.stream):
            self._parents.setdefault(column, set()).update(part.parents)
        self.staged.delete_keys(part.gone)
        if part.records is None:
            return
        self.staged.quarantine(part.records.misfits)
        self._violations.update(part.records.violations)
        self._note(part.records.data)
        self._waiting.append(part.records.data)
        self._waiting_rows += part.records.data.num_rows
        if self._waiting_rows >= _STAGE_ROWS:
            self._flush()

    def _note(self, data: pa.RecordBatch) -> None:
        """Remember key and money of what came, apart from how it is staged."""
        columns = [data.column(n).to_pylist() for n in self.table.money_columns]
        keys = data.column(self.table.primary_key).to_pylist()
        money = zip(*columns, strict=True) if columns else itertools.repeat(())
        self._came.update(zip(keys, money, strict=False))

    def _source_totals(self) -> Totals:
        names = self.table.money_columns
        sums = {
            n: Decimal(sum(m[i] or 0 for m in self._came.values())) for i, n in enumerate(names)
        }
        return key_totals(self._came, sums)

    def _reconcile(self) -> dict[str, Any]:
        """Compare what came with what will be live, or in an increment with what was staged."""
        is_whole = self._mode != "delta" and not self.keeps_missing
        scope: Scope = "all" if is_whole else "read"
        found = self.staged.totals(scope, hash_keys=True)
        row = self._run.reconciliation(self.table, self._source_totals(), found, scope)
        self._run.require_match(row)
        return row

    def _flush(self) -> None:
        if self._waiting:
            self.staged.append(pa.Table.from_batches(self._waiting))
            self._rows += self._waiting_rows
        self._waiting, self._waiting_rows = [], 0

    def commit(self) -> None:
        """Mark what is gone and commit; a failure stays with this stream."""
        if self._error is not None:
            return
        try:
            self._flush()
            if self._mode == "delta":
                for column, parents in self._parents.items():
                    self.staged.delete_missing_children(column, sorted(parents))
            elif not self.keeps_missing:
                self._refuse_zero()
                self.staged.delete_all_but_staged()
            cursor = {
                "events_until": self.newest,
                "read_whole": self._read_whole,
                "fields": sorted(self._known_fields | self._fields),
                "contract": contract_fingerprint(self.table),
            }
            ops = {"schema_changes": self._changes(), "reconciliation": [self._reconcile()]}
            result = self.staged.commit(cursor, ops)
            self._result = ok(self.table, self._mode, result)
        except PaygoError as error:
            self.fail(error)

    def _refuse_zero(self) -> None:
        """A list that was not empty and is now: nobody deletes all, but many a fault shows none."""
        if self._rows == 0 and self._mode == "sweep":
            live = self.staged.live_rows_after()
            if live:
                raise TransientFailure(
                    f"{self.table.stream}: Stripe lists nothing, and the warehouse has {live} rows",
                    tried="listing everything; nothing was taken for deleted",
                    todo="see that the key belongs to the same account and mode, then run again",
                )

    def _changes(self) -> list[dict[str, Any]]:
        rows: Iterable[tuple[str, str]] = (
            (text.split("'")[1], text.split("' ", 1)[1]) for text in sorted(self._violations)
        )
        where = "not kept: only named parts are" if self.table.kept_paths else "kept in payload"
        new = sorted(self._fields - self._known_fields) if self._known_fields else []
        return [
            *(
                self._run.schema_change(self.table, "contract_violation", column, detail)
                for column, detail in rows
            ),
            *(self._run.schema_change(self.table, "field_added", name, where) for name in new),
        ]

    @property
    def is_committed(self) -> bool:
        """Whether its rows are visible."""
        return self._result is not None

    def outcome(self) -> StreamOutcome:
        """Say what came of it."""
        if self._result is not None:
            return self._result
        unknown = TransientFailure(f"{self.table.stream} was not read")
        return failed(self.table, self._error or unknown)
