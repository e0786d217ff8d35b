"""The first load of a large table, written once: straight into the raw table, in one transaction.

There is no earlier version to compare with, so rows need not be staged. The transaction stays
open until the load commits or is given up; until then nobody sees a row. Knows no source.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import META_COLUMNS, RawTable
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest
from orchestration.warehouse.batches import require_contract
from orchestration.warehouse.raw import quoted, raw_relation, row_hash_sql

if TYPE_CHECKING:
    from orchestration.warehouse.duckdb import DuckDbWarehouse

_KEY_HASH = "_key_hash"

# Looking for common parts of ids and hashes, which hardly have any, is a quarter of the whole
# load. Columns of few values are still written as a dictionary.
_TOO_SLOW = "dict_fsst"

# What is written is never read again by the insert: the engine would keep it only because it may.
_MEMORY = "320MB"


class DirectInsert:
    """`rows` and `key_hash` are of what came; `leave_one_a_key` leaves `rows` without repeats."""

    def __init__(
        self,
        warehouse: DuckDbWarehouse,
        table: RawTable,
        request: LoadRequest,
    ) -> None:
        self._db = warehouse
        self._table = table
        self._request = request
        self._load = ledger.load_id(table, request.as_of)
        self._problem: BaseException | None = None
        self._views: list[str] = []
        self._is_limited = False
        self._writer = ThreadPoolExecutor(1)
        self._writing: list[Future[None]] = []
        self.is_open = False
        self._has_one_a_key = False
        self.rows = 0
        self.key_hash = 0

    @property
    def relation(self) -> str:
        """Select of the rows of this load."""
        columns = ", ".join(quoted(c.name) for c in self._table.landed_columns)
        return (
            f"(select {columns}, null::bigint as {_KEY_HASH} from {raw_relation(self._table)} "
            f"where _load_id = '{self._load}')"
        )

    def insert(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Write rows as they come: one statement, so that the engine reads ahead and sorts out."""
        if not self.is_open:
            self._db.execute(f"set global disabled_compression_methods = '{_TOO_SLOW}'")
            # Rows in order cost time; only the last of a key needs it.
            is_ordered = str(not self._request.has_unique_keys).lower()
            self._db.execute(f"set global preserve_insertion_order = {is_ordered}")
            self._db.limit_memory(_MEMORY)
            self._is_limited = True
            self._db.execute("begin transaction")
            self.is_open = True
        self._has_one_a_key = False
        landed = landed_schema(self._table)
        loose = pa.schema([pa.field(f.name, f.type) for f in landed])
        reader = pa.RecordBatchReader.from_batches(loose, self._noted(batches, loose))
        columns = ", ".join(quoted(c.name) for c in self._table.landed_columns)
        meta = ", ".join(quoted(c.name) for c in META_COLUMNS)
        try:
            with self._db.registered("direct", reader):
                self._db.execute(
                    f"insert into {raw_relation(self._table)} ({columns}, {meta}) "
                    f"select {columns}, ?::timestamp, ?, {row_hash_sql(self._table)}, false "
                    "from direct",
                    [ledger.naive_utc(self._request.as_of), self._load],
                )
        except duckdb.Error:
            # The engine wraps what went wrong while it asked for the next batch.
            if self._problem is not None:
                raise self._problem from None
            raise
        # The disk gets the rows while the source is asked what it holds.
        self._writing.append(self._writer.submit(self._db.write_through))

    def _noted(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        try:
            for batch in batches:
                data = pa.Table.from_batches([batch])
                require_contract(data, self._table, is_strict=self._request.is_strict)
                self.rows += batch.num_rows
                if _KEY_HASH in batch.schema.names:
                    self.key_hash += _sum(batch.column(_KEY_HASH))
                yield batch.select(schema.names).cast(schema)
        except BaseException as error:
            self._problem = error
            raise

    def show_as(self, name: str) -> None:
        """Let SQL see the rows of this load under a name."""
        self._db.execute(f"create or replace temp view {name} as {self.relation[1:-1]}")
        self._views.append(name)

    def finish(self) -> int:
        """Leave one row a key, and return how many there are; before the commit."""
        if not self.is_open:
            return 0
        for name in self._views:
            self._db.execute(f"drop view if exists {name}")
        self.leave_one_a_key()
        for written in self._writing:
            written.result()
        self._close()
        return self.rows

    def _close(self) -> None:
        self.is_open = False
        self._writer.shutdown()
        self._db.execute("reset global disabled_compression_methods")
        self._db.execute("reset global preserve_insertion_order")

    def leave_one_a_key(self) -> None:
        """Keep the last arrival of every key; nothing to do where the source repeats none."""
        if self._request.has_unique_keys or self._has_one_a_key:
            return
        raw, key = raw_relation(self._table), quoted(self._table.primary_key)
        mine = f"_load_id = '{self._load}'"
        ((distinct,),) = self._db.execute(f"select count(distinct {key}) from {raw} where {mine}")
        if distinct != self.rows:
            self._db.execute(
                f"delete from {raw} where {mine} and rowid not in "
                f"(select max(rowid) from {raw} where {mine} group by {key})"
            )
            self.rows = int(distinct)
        self._has_one_a_key = True

    def undo(self) -> None:
        """Take everything back that is not committed; harmless when there is nothing."""
        if self.is_open:
            # The transaction may have been rolled back by what failed in it.
            with contextlib.suppress(duckdb.Error):
                self._db.execute("rollback")
            self._close()
        if self._is_limited:
            self._db.limit_memory()
            self._is_limited = False


def _sum(hashes: pa.Array) -> int:
    """Sum 64-bit numbers without overflow: the halves apart."""
    low = pc.sum(pc.bit_wise_and(hashes, pa.scalar(0xFFFFFFFF, pa.int64()))).as_py() or 0
    high = pc.sum(pc.shift_right(hashes, pa.scalar(32, pa.int64()))).as_py() or 0
    return int(high) * 2**32 + int(low)
