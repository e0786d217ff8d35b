"""How rows of one stream become row versions in BigQuery.

The rules (what is a new version, what a tombstone, the hashes) are those of `landing`, run in a
DuckDB in memory; what it has to know of the warehouse is asked of BigQuery when it is needed and
only for the keys in question. The result leaves as one Parquet file for one load job.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from orchestration.sources.contract import RawTable
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest, LoadResult, Scope, StreamCursor, Totals
from orchestration.warehouse.duckdb import MEMORY_LIMIT, DuckDbWarehouse
from orchestration.warehouse.landing import DuckDbStagedLoad
from orchestration.warehouse.raw import quoted, raw_ddl, raw_relation

if TYPE_CHECKING:
    from orchestration.warehouse.bigquery import BigQueryWarehouse

META = ("_as_of", "_load_id", "_row_hash", "_is_deleted")


class _Scratch(DuckDbWarehouse):
    """A DuckDB in memory that stands for one raw table; ledger and cursor are BigQuery's."""

    def __init__(self, owner: BigQueryWarehouse, table: RawTable) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="paygo-stage-")
        place = Path(self.folder.name)
        config: dict[str, Any] = {
            "memory_limit": MEMORY_LIMIT,
            "threads": "2",
            "temp_directory": str(place),
        }
        super().__init__(duckdb.connect(":memory:", config=config), place, place)
        self._owner = owner
        self.execute("create schema raw")
        self.execute(raw_ddl(table))

    def cursor(self, stream: str) -> StreamCursor | None:
        return self._owner.cursor(stream)

    def loaded(self, stream: str, as_of: datetime) -> LoadResult | None:
        return self._owner.loaded(stream, as_of)

    def close(self) -> None:
        super().close()
        self.folder.cleanup()


class BigQueryStagedLoad(DuckDbStagedLoad):
    """See `base.StagedLoad`."""

    def __init__(self, owner: BigQueryWarehouse, table: RawTable, request: LoadRequest) -> None:
        self._scratch = _Scratch(owner, table)
        super().__init__(self._scratch, table, request, 1)
        self._owner = owner
        self._asked: set[str] = set()
        self._has_all = False

    # What the warehouse holds, on demand -----------------------------------------------------

    def _learn(self, found: pa.Table) -> None:
        """Put versions that BigQuery holds into the stand-in of the raw table."""
        if found.num_rows:
            names = ", ".join(quoted(name) for name in found.column_names)
            with self._db.registered("found", found):
                self._db.execute(f"insert into {self._raw} ({names}) select {names} from found")

    def _ask_keys(self, keys: Iterable[str]) -> None:
        if self._is_first or self._has_all:
            return
        missing = sorted(set(keys) - self._asked)
        if missing:
            self._asked.update(missing)
            self._learn(self._owner.latest(self._table, (self._table.primary_key, *META), missing))

    def _ask_all(self) -> None:
        if self._is_first or self._has_all:
            return
        self._has_all = True
        self._db.execute(f"delete from {self._raw}")
        self._learn(self._owner.latest(self._table, (self._table.primary_key, *META), None))

    def _staged_keys(self) -> list[str]:
        self._seal()
        return [row[0] for row in self._db.execute(f"select {self._key} from {self._stage}")]

    # The parts of a staged load that look at what is there -------------------------------------

    def _compare(self) -> pa.Table:
        if self._compared is None:
            self._ask_keys(self._staged_keys())
        return super()._compare()

    def keys_not_in(self, keys: pa.Array) -> list[str]:
        self._ask_all()
        return super().keys_not_in(keys)

    def missing_keys(self, keys: pa.Array) -> list[str]:
        self._ask_keys(keys.to_pylist())
        return super().missing_keys(keys)

    def delete_missing_children(self, parent_column: str, parents: Sequence[str]) -> None:
        if parents and not self._is_first:
            columns = (self._table.primary_key, parent_column, *META)
            self._learn(self._owner.latest(self._table, columns, parents, by=parent_column))
        super().delete_missing_children(parent_column, parents)

    def _may_go_direct(self) -> bool:
        return False

    def totals(self, scope: Scope, *, hash_keys: bool) -> Totals:
        """Money and key hash are left out where the live rows are not here to be summed."""
        if scope == "read" or self._is_first:
            return super().totals(scope, hash_keys=hash_keys)
        return Totals(self.live_rows_after())

    def live_rows_after(self) -> int:
        if self._is_first or self._has_all:
            return super().live_rows_after()
        if self._waiting or self._is_spilled:
            self._compare()
        self._ask_keys(self._gone)
        before = super()._live()
        ours = f"select key from ({before}) union select {self._key} from {self._stage}"
        self._seal()
        known = self._one(f"select count(*) from ({before})")[0]
        with self._db.registered("gone", self._gone_table()):
            after = self._one(
                f"select count(*) from ({ours}) where key not in (select key from gone) "
                f"or key in (select {self._key} from {self._stage})"
            )[0]
        return self._owner.live_count(self._table) - int(known) + int(after)

    # Commit --------------------------------------------------------------------------------------

    def commit(
        self, cursor: Mapping[str, Any], ops: Mapping[str, list[dict[str, Any]]]
    ) -> LoadResult:
        request = self._request
        known = self._owner.loaded(request.stream, request.as_of)
        if known is not None:
            self.abandon()
            return known
        load = ledger.load_id(self._table, request.as_of)
        at = ledger.naive_utc(request.as_of)
        appended = deleted = 0
        if self._waiting or self._is_spilled:
            self._compare()
            self._fetch_gone()
            appended = self._insert_versions(at, load)
        else:
            self._fetch_gone()
        if self._gone:
            deleted = self._insert_tombstones(at, load)
        content = self._content_hash(load) if appended + deleted else "0"
        names = [c.name for c in self._table.landed_columns] + list(META)
        versions = self._db.query(
            f"select {', '.join(map(quoted, names))} from {raw_relation(self._table)} "
            "where _load_id = ? order by all",
            [load],
        )
        rows = {**ops, "quarantine": self._quarantine_rows(load)}
        counts = (appended, deleted, content)
        self._owner.commit_load(self._table, request, load, versions, counts, cursor, rows)
        self.abandon()
        return LoadResult(load, "committed", appended, deleted)

    def _fetch_gone(self) -> None:
        """Replace what is known of vanished keys by their whole last rows: tombstones repeat it."""
        if not self._gone or self._is_first:
            return
        columns = tuple(c.name for c in self._table.landed_columns)
        whole = self._owner.latest(self._table, (*columns, *META), sorted(self._gone))
        with self._db.registered("gone", self._gone_table()):
            self._db.execute(f"delete from {self._raw} where {self._key} in (select key from gone)")
        self._learn(whole)

    def abandon(self) -> None:
        if not self._scratch.closed:
            super().abandon()
            self._scratch.close()
