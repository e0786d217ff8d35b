"""How rows of one stream become row versions in DuckDB. Opens no connection of its own.

Rows wait in a temporary table; the comparison with the live versions (canonical row
hash, key by key) and all writing are set-based SQL, in one transaction at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from orchestration.errors import ContractViolation
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import META_COLUMNS, RawTable
from orchestration.sources.misfits import Misfit
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest, LoadResult
from orchestration.warehouse.ops import OPS_TABLES
from orchestration.warehouse.raw import SQL_TYPES, quoted, raw_relation, row_hash_sql

if TYPE_CHECKING:
    from orchestration.warehouse.duckdb import DuckDbWarehouse

KEY_HASH = "_key_hash"

# Written once: seeing the same thing again at a later load adds no row.
_ONCE = {
    "schema_changes": ("stream", "change", "column_name", "detail"),
    "quarantine": ("stream", "row_key", "column_name", "rule", "value_text"),
}


class DuckDbStagedLoad:
    """See `base.StagedLoad`."""

    def __init__(
        self, warehouse: DuckDbWarehouse, table: RawTable, request: LoadRequest, number: int
    ) -> None:
        self._db = warehouse
        self._table = table
        self._request = request
        self._schema = landed_schema(table)
        self._stage = f"temp.stage_{number}"
        self._gone = f"temp.gone_{number}"
        self._key = quoted(table.primary_key)
        self._raw = raw_relation(table)
        self._sealed = False
        self._open = True
        self._quarantine: list[Misfit] = []
        columns = ", ".join(f"{quoted(c.name)} {SQL_TYPES[c.type]}" for c in table.landed_columns)
        self._db.execute(f"create temp table {self._stage[5:]} ({columns}, {KEY_HASH} bigint)")
        self._db.execute(f"create temp table {self._gone[5:]} (key varchar)")

    def append(self, batch: pa.RecordBatch | pa.Table) -> None:
        data = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        self._check(data)
        if data.num_rows == 0:
            return
        names = [*self._schema.names, *([KEY_HASH] if KEY_HASH in data.column_names else [])]
        self._insert(self._stage, data.select(names), names)
        self._sealed = False

    def _check(self, data: pa.Table) -> None:
        for wanted in self._schema:
            where = f"{self._table.stream}: column {wanted.name!r}"
            if wanted.name not in data.column_names:
                raise ContractViolation(f"{where} is missing", tried="staging a batch")
            found = data.schema.field(wanted.name)
            if found.type != wanted.type:
                raise ContractViolation(f"{where} is {found.type}, the contract says {wanted.type}")
            if not wanted.nullable and (count := data.column(wanted.name).null_count):
                raise ContractViolation(
                    f"{where} has no value in {count} of {data.num_rows} rows",
                    todo="look at the source: the contract requires a value",
                )

    def _insert(self, target: str, data: pa.Table, names: Sequence[str]) -> None:
        self._db.register("incoming", data)
        try:
            listed = ", ".join(map(quoted, names))
            self._db.execute(f"insert into {target} ({listed}) select {listed} from incoming")
        finally:
            self._db.unregister("incoming")

    def quarantine(self, rows: Iterable[Misfit]) -> None:
        self._quarantine.extend(rows)

    def _seal(self) -> None:
        """Keep the last arrival of every key (a row may move between pages while they are read)."""
        if self._sealed:
            return
        total, distinct = self._one(
            f"select count(*), count(distinct {self._key}) from {self._stage}"
        )
        if total != distinct:
            self._db.execute(
                f"delete from {self._stage} where rowid not in "
                f"(select max(rowid) from {self._stage} group by {self._key})"
            )
        self._sealed = True

    def _one(self, sql: str, params: Sequence[object] = ()) -> tuple[Any, ...]:
        return self._db.execute(sql, params)[0]

    def _live(self, only: str = "") -> str:
        """Select of the live keys; `only` is a condition on the raw table that limits the scan."""
        where = f"where {only}" if only else ""
        return (
            f"select {self._key} as key from {self._raw} {where} "
            f"group by {self._key} having not arg_max(_is_deleted, _as_of)"
        )

    def staged_rows(self) -> int:
        self._seal()
        return int(self._one(f"select count(*) from {self._stage}")[0])

    def key_totals(self) -> tuple[int, int]:
        self._seal()
        count, total = self._one(
            f"select count(*), coalesce(sum({KEY_HASH}::hugeint), 0) from {self._stage}"
        )
        return int(count), int(total)

    def key_delta(self) -> tuple[int, int]:
        self._seal()
        live = self._live(f"{self._key} in (select {self._key} from {self._stage})")
        count, total = self._one(
            f"select count(*), coalesce(sum({KEY_HASH}::hugeint), 0) from {self._stage} s "
            f"where not exists (select 1 from ({live}) l where l.key = s.{self._key})"
        )
        return int(count), int(total)

    def keys_not_in(self, keys: pa.Array) -> list[str]:
        self._db.register("known", pa.table({"key": keys}))
        try:
            found = self._db.execute(
                f"select key from ({self._live()}) where key not in (select key from known) "
                f"and key not in (select {self._key} from {self._stage}) order by key"
            )
        finally:
            self._db.unregister("known")
        return [row[0] for row in found]

    def missing_keys(self, keys: pa.Array) -> list[str]:
        self._db.register("known", pa.table({"key": keys}))
        try:
            found = self._db.execute(
                f"select key from known where key not in ({self._live()}) "
                f"and key not in (select {self._key} from {self._stage}) order by key"
            )
        finally:
            self._db.unregister("known")
        return [row[0] for row in found]

    def delete_keys(self, keys: Iterable[str]) -> None:
        gone = pa.table({"key": pa.array(keys, pa.string())})
        if gone.num_rows:
            self._insert(self._gone, gone, ["key"])

    def delete_all_but_staged(self) -> None:
        self._db.execute(
            f"insert into {self._gone} select key from ({self._live()}) "
            f"where key not in (select {self._key} from {self._stage})"
        )

    def delete_all_but(self, keys: pa.Array) -> None:
        self._db.register("known", pa.table({"key": keys}))
        try:
            self._db.execute(
                f"insert into {self._gone} select key from ({self._live()}) "
                f"where key not in (select key from known) "
                f"and key not in (select {self._key} from {self._stage})"
            )
        finally:
            self._db.unregister("known")

    def delete_missing_children(self, parent_column: str, parents: Sequence[str]) -> None:
        if not parents:
            return
        self._db.register("parents", pa.table({"key": pa.array(parents, pa.string())}))
        try:
            live = self._live(f"{quoted(parent_column)} in (select key from parents)")
            self._db.execute(
                f"insert into {self._gone} select key from ({live}) "
                f"where key not in (select {self._key} from {self._stage})"
            )
        finally:
            self._db.unregister("parents")

    def live_rows_after(self) -> int:
        self._seal()
        live = self._live()
        count = self._one(
            f"select count(*) from (select key from ({live}) "
            f"where key not in (select key from {self._gone}) "
            f"union select {self._key} from {self._stage})"
        )
        return int(count[0])

    def commit(
        self, cursor: Mapping[str, Any], ops: Mapping[str, list[dict[str, Any]]]
    ) -> LoadResult:
        request = self._request
        known = self._db.loaded(request.stream, request.as_of)
        if known is not None:
            self.abandon()
            return known
        self._seal()
        load = ledger.load_id(self._table, request.as_of)
        at = ledger.naive_utc(request.as_of)
        with self._db.transaction():
            appended = self._insert_versions(at, load)
            deleted = self._insert_tombstones(at, load)
            text = ledger.cursor_text(cursor)
            self._db.execute(ledger.DELETE_CURSOR, [request.stream])
            self._db.execute(ledger.INSERT_CURSOR, [request.stream, text, at, load])
            entry = [load, request.stream, self._table.source, at, request.run_id, request.mode]
            entry += [appended, deleted, text, self._content_hash(load, appended + deleted)]
            entry += [ledger.naive_utc(request.recorded_at)]
            self._db.execute(ledger.INSERT_LEDGER, entry)
            for name, rows in {**ops, "quarantine": self._quarantine_rows(load)}.items():
                self._insert_ops_rows(name, rows)
        self.abandon()
        return LoadResult(load, "committed", appended, deleted)

    def _insert_versions(self, at: object, load: str) -> int:
        """Append a version of every staged row that is new, changed, or back after a deletion."""
        columns = ", ".join(quoted(c.name) for c in self._table.landed_columns)
        meta = ", ".join(quoted(c.name) for c in META_COLUMNS)
        count = self._one(
            f"""
            insert into {self._raw} ({columns}, {meta})
            with incoming as (
                select {columns}, {row_hash_sql(self._table)} as new_hash from {self._stage}
            ),
            latest as (
                select
                    {self._key} as latest_key,
                    arg_max(_row_hash, _as_of) as latest_hash,
                    arg_max(_is_deleted, _as_of) as latest_deleted,
                from {self._raw}
                where {self._key} in (select {self._key} from {self._stage})
                group by {self._key}
            )
            select {columns}, ?::timestamp, ?, new_hash, false
            from incoming
            left join latest on latest_key = {self._key}
            where latest_key is null or latest_deleted or latest_hash <> new_hash
            """,
            [at, load],
        )
        return int(count[0])

    def _insert_tombstones(self, at: object, load: str) -> int:
        """A tombstone repeats the last known values, so that a deletion can be explained."""
        columns = ", ".join(quoted(c.name) for c in self._table.landed_columns)
        meta = ", ".join(quoted(c.name) for c in META_COLUMNS)
        count = self._one(
            f"""
            insert into {self._raw} ({columns}, {meta})
            with latest as (
                select *
                from {self._raw}
                where
                    {self._key} in (select key from {self._gone})
                    and {self._key} not in (select {self._key} from {self._stage})
                qualify row_number() over (partition by {self._key} order by _as_of desc) = 1
            )
            select {columns}, ?::timestamp, ?, _row_hash, true from latest where not _is_deleted
            """,
            [at, load],
        )
        return int(count[0])

    def _content_hash(self, load: str, rows: int) -> str:
        """Hash of what this load appended, independent of order; of nothing: the empty text's."""
        if rows == 0:
            return "0"
        text = f"{self._key} || '|' || _row_hash || '|' || _is_deleted::varchar"
        sql = f"select bit_xor(md5_number({text}))::varchar from {self._raw} where _load_id = ?"
        return str(self._one(sql, [load])[0])

    def _quarantine_rows(self, load: str) -> list[dict[str, Any]]:
        stream, at = self._request.stream, ledger.naive_utc(self._request.as_of)
        return [
            {"stream": stream, "row_key": q.row_key, "column_name": q.column_name, "rule": q.rule,
             "value_text": q.value_text, "load_id": load, "as_of": at}
            for q in self._quarantine
        ]  # fmt: skip

    def _insert_ops_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        if name not in _ONCE:
            self._db.append_ops(name, rows)
            return
        match = " and ".join(f"o.{c} is not distinct from n.{c}" for c in _ONCE[name])
        columns = [c for c, _ in OPS_TABLES[name]]
        data = pa.table({c: [row.get(c) for row in rows] for c in columns})
        self._db.register("once", data)
        try:
            self._db.execute(
                f"insert into ops.{name} ({', '.join(columns)}) "
                f"select distinct {', '.join(columns)} from once n "
                f"where not exists (select 1 from ops.{name} o where {match})"
            )
        finally:
            self._db.unregister("once")

    def abandon(self) -> None:
        if self._open:
            self._open = False
            self._db.execute(f"drop table if exists {self._stage}")
            self._db.execute(f"drop table if exists {self._gone}")
