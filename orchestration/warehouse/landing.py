"""How rows of one stream become row versions in DuckDB. Opens no connection of its own.

Rows wait as Arrow (many of them in a temporary table); the comparison with the live
versions (canonical row hash, key by key) and all writing are set-based SQL, in one
transaction at the end. Few statements: an increment is mostly their fixed cost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import META_COLUMNS, RawTable
from orchestration.sources.misfits import Misfit
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest, LoadResult, Scope, Totals
from orchestration.warehouse.batches import require_contract
from orchestration.warehouse.direct import DirectInsert
from orchestration.warehouse.raw import SQL_TYPES, quoted, raw_relation, row_hash_sql

if TYPE_CHECKING:
    from orchestration.warehouse.duckdb import DuckDbWarehouse

KEY_HASH = "_key_hash"

_KEYS_HASH = "coalesce(sum(md5_number_lower(key)::hugeint), 0)"

# Beyond so many rows, staged ones leave Python's memory.
_SPILL_ROWS = 20_000


class DuckDbStagedLoad:
    """See `base.StagedLoad`."""

    def __init__(
        self, warehouse: DuckDbWarehouse, table: RawTable, request: LoadRequest, number: int
    ) -> None:
        self._db = warehouse
        self._table = table
        self._request = request
        self._full = landed_schema(table).append(pa.field(KEY_HASH, pa.int64()))
        self._stage = f"stage_{number}"
        self._compared_name = f"compared_{number}"
        self._key = quoted(table.primary_key)
        self._raw = raw_relation(table)
        self._columns = ", ".join(quoted(c.name) for c in table.landed_columns)
        self._is_first = warehouse.cursor(request.stream) is None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._is_spilled = False
        self._registered: set[str] = set()
        self._compared: pa.Table | None = None
        self._gone: set[str] = set()
        self._quarantine: list[Misfit] = []
        self._direct = DirectInsert(warehouse, table, request)

    def append(self, batch: pa.RecordBatch | pa.Table) -> None:
        data = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        require_contract(data, self._table, is_strict=self._request.is_strict)
        if data.num_rows == 0:
            return
        if self._direct.is_open:
            self._direct.insert(data.to_batches())
            return
        self._unseal()
        if KEY_HASH not in data.column_names:
            data = data.append_column(KEY_HASH, pa.nulls(data.num_rows, pa.int64()))
        loose = pa.schema([pa.field(f.name, f.type) for f in self._full])
        self._waiting.append(data.select(self._full.names).cast(loose))
        self._waiting_rows += data.num_rows
        if self._waiting_rows >= _SPILL_ROWS:
            self._spill()

    def append_all(self, batches: Iterable[pa.RecordBatch]) -> None:
        coming = iter(batches)
        begun, rows = [], 0
        for batch in coming:
            begun.append(batch)
            rows += batch.num_rows
            if rows >= _SPILL_ROWS and self._may_go_direct():
                self._direct.insert(itertools.chain(begun, coming))
                return
            if rows >= _SPILL_ROWS:
                break
        for batch in itertools.chain(begun, coming):
            self.append(batch)

    def _may_go_direct(self) -> bool:
        """Whether there is nothing to compare with: the first load, read as a whole."""
        is_untouched = not self._waiting and not self._is_spilled and not self._direct.is_open
        return self._is_first and self._request.mode == "full" and is_untouched

    def _spill(self) -> None:
        if not self._is_spilled:
            columns = ", ".join(
                f"{quoted(c.name)} {SQL_TYPES[c.type]}" for c in self._table.landed_columns
            )
            self._db.execute(f"create temp table {self._stage} ({columns}, {KEY_HASH} bigint)")
            self._is_spilled = True
        if self._waiting:
            with self._db.registered("incoming", pa.concat_tables(self._waiting)):
                self._db.execute(f"insert into {self._stage} select * from incoming")
        self._waiting, self._waiting_rows = [], 0

    def quarantine(self, rows: Iterable[Misfit]) -> None:
        self._quarantine.extend(rows)

    def _seal(self) -> None:
        """Make the staged rows a relation with the last arrival of every key.

        (A row may move between pages while they are read, and so arrive twice.)
        """
        if self._stage in self._registered:
            return
        if self._direct.is_open:
            self._direct.show_as(self._stage)
        elif self._is_spilled:
            self._spill()
            total, distinct = self._one(
                f"select count(*), count(distinct {self._key}) from {self._stage}"
            )
            if total != distinct:
                self._db.execute(
                    f"delete from {self._stage} where rowid not in "
                    f"(select max(rowid) from {self._stage} group by {self._key})"
                )
        else:
            self._db.register(self._stage, self._deduplicated())
        self._registered.add(self._stage)

    def _deduplicated(self) -> pa.Table:
        loose = pa.schema([pa.field(f.name, f.type) for f in self._full])
        data = pa.concat_tables([loose.empty_table(), *self._waiting])
        last = {key: i for i, key in enumerate(data.column(self._table.primary_key).to_pylist())}
        return data if len(last) == data.num_rows else data.take(sorted(last.values()))

    def _unseal(self) -> None:
        self._compared = None
        for name in self._registered:
            if name != self._stage or not (self._is_spilled or self._direct.is_open):
                self._db.unregister(name)
        self._registered.clear()

    def _compare(self) -> pa.Table:
        """Hold staged rows against their latest versions: key, hash, what it is, key hash."""
        self._seal()
        if self._compared is None:
            self._compared = self._db.query(
                f"""
                with incoming as (
                    select {self._key} as key, {KEY_HASH} as key_hash,
                        {row_hash_sql(self._table)} as new_hash
                    from {self._stage}
                ),
                latest as (
                    select
                        {self._key} as key,
                        arg_max(_row_hash, _as_of) as old_hash,
                        arg_max(_is_deleted, _as_of) as was_deleted,
                    from {self._raw}
                    where {self._key} in (select {self._key} from {self._stage})
                    group by {self._key}
                )
                select
                    incoming.key, incoming.new_hash, incoming.key_hash,
                    (latest.key is null or latest.was_deleted) as is_new,
                    coalesce(latest.was_deleted or old_hash <> new_hash, true) as is_version,
                from incoming
                left join latest on latest.key = incoming.key
                """
            )
            self._db.register(self._compared_name, self._compared)
            self._registered.add(self._compared_name)
        return self._compared

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
        if self._direct.is_open:
            self._direct.leave_one_a_key()
            return self._direct.rows, self._direct.key_hash
        self._seal()
        count, total = self._one(
            f"select count(*), coalesce(sum({KEY_HASH}::hugeint), 0) from {self._stage}"
        )
        return int(count), int(total)

    def key_delta(self) -> tuple[int, int]:
        if not self._waiting and not self._is_spilled:
            return 0, 0
        compared = self._compare()
        new = compared.filter(compared.column("is_new")).column("key_hash").to_pylist()
        return len(new), sum(value or 0 for value in new)

    def keys_not_in(self, keys: pa.Array) -> list[str]:
        if self._is_first:
            return []
        self._seal()
        with self._db.registered("known", pa.table({"key": keys})):
            found = self._db.execute(
                f"select key from ({self._live()}) where key not in (select key from known) "
                f"and key not in (select {self._key} from {self._stage}) order by key"
            )
        return [row[0] for row in found]

    def missing_keys(self, keys: pa.Array) -> list[str]:
        self._seal()
        with self._db.registered("known", pa.table({"key": keys})):
            found = self._db.execute(
                f"select key from known where key not in ({self._live()}) "
                f"and key not in (select {self._key} from {self._stage}) order by key"
            )
        return [row[0] for row in found]

    def delete_keys(self, keys: Iterable[str]) -> None:
        self._gone.update(keys)

    def delete_all_but_staged(self) -> None:
        self._gone.update(self.keys_not_in(pa.array([], pa.string())))

    def delete_all_but(self, keys: pa.Array) -> None:
        self._gone.update(self.keys_not_in(keys))

    def delete_missing_children(self, parent_column: str, parents: Sequence[str]) -> None:
        if not parents or self._is_first:
            return
        self._seal()
        with self._db.registered("parents", pa.table({"key": pa.array(parents, pa.string())})):
            live = self._live(f"{quoted(parent_column)} in (select key from parents)")
            found = self._db.execute(
                f"select key from ({live}) where key not in (select {self._key} from {self._stage})"
            )
        self._gone.update(row[0] for row in found)

    def live_rows_after(self) -> int:
        self._seal()
        with self._db.registered("gone", self._gone_table()):
            count = self._one(
                f"select count(*) from (select key from ({self._live()}) "
                f"where key not in (select key from gone) "
                f"union select {self._key} from {self._stage})"
            )
        return int(count[0])

    def totals(self, scope: Scope, *, hash_keys: bool) -> Totals:
        if self._direct.is_open:
            self._direct.leave_one_a_key()
        else:
            self._seal()
        names = self._table.money_columns
        sums = [f"coalesce(sum({quoted(n)}::decimal(38, 9)), 0)" for n in names]
        wanted = ", ".join(["count(*)", _KEYS_HASH if hash_keys else "null", *sums])
        if scope == "read" or self._direct.is_open:
            columns = ", ".join(map(quoted, names)) or "1"
            relation = self._direct.relation if self._direct.is_open else self._stage
            source = f"select {self._key} as key, {columns} from {relation}"
            rows, key_hash, *money = self._one(f"select {wanted} from ({source})")
        else:
            with self._db.registered("gone", self._gone_table()):
                rows, key_hash, *money = self._one(
                    f"select {wanted} from ({self._live_after(names)})"
                )
        found = {n: Decimal(m) for n, m in zip(names, money, strict=True)}
        return Totals(int(rows), None if key_hash is None else int(key_hash), found)

    def _live_after(self, names: Sequence[str]) -> str:
        """Select of the live rows (key, `names`) as they will be once this load is committed."""
        columns = "".join(f", {quoted(n)}" for n in names)
        # In a struct, since arg_max alone passes over a last value of null.
        fields = ", ".join(f"'{n}': {quoted(n)}" for n in ("gone", *names))
        return f"""
            with versions as (
                select {self._key} as key, _as_of as seen_at, _is_deleted as gone{columns}
                from {self._raw}
                union all
                select key, timestamp 'infinity', true{", null" * len(names)} from gone
                where key not in (select {self._key} from {self._stage})
                union all
                select {self._key}, timestamp 'infinity', false{columns} from {self._stage}
            ),
            latest as (
                select key, arg_max({{{fields}}}, seen_at) as state from versions group by key
            )
            select key{"".join(f", state.{quoted(n)}" for n in names)}
            from latest where not state.gone
        """

    def _gone_table(self) -> pa.Table:
        return pa.table({"key": pa.array(sorted(self._gone), pa.string())})

    def commit(
        self, cursor: Mapping[str, Any], ops: Mapping[str, list[dict[str, Any]]]
    ) -> LoadResult:
        request = self._request
        known = self._db.loaded(request.stream, request.as_of)
        if known is not None:
            self.abandon()
            return known
        load = ledger.load_id(self._table, request.as_of)
        at = ledger.naive_utc(request.as_of)
        has_rows = bool(self._waiting) or self._is_spilled
        if has_rows:
            self._compare()
        with self._db.transaction(has_begun=self._direct.is_open):
            appended = self._insert_versions(at, load) if has_rows else self._direct.finish()
            deleted = self._insert_tombstones(at, load) if self._gone else 0
            content = self._content_hash(load) if appended + deleted else "0"
            counts = (appended, deleted, content)
            self._db.record_load(self._table, request, load, counts, cursor)
            for name, rows in {**ops, "quarantine": self._quarantine_rows(load)}.items():
                self._db.record_ops(name, rows)
        # As the next reader will find it: a cursor that JSON changes must not look unchanged.
        text, at = ledger.cursor_text(cursor), ledger.naive_utc(request.as_of)
        self._db.remember(ledger.stored_cursor(request.stream, text, at, load))
        self.abandon()
        return LoadResult(load, "committed", appended, deleted)

    def _insert_versions(self, at: object, load: str) -> int:
        """Append a version of every staged row that is new, changed, or back after a deletion."""
        meta = ", ".join(quoted(c.name) for c in META_COLUMNS)
        assert self._compared is not None
        if not pc.any(self._compared.column("is_version")).as_py():
            return 0
        count = self._one(
            f"insert into {self._raw} ({self._columns}, {meta}) "
            f"select {self._columns}, ?::timestamp, ?, new_hash, false "
            f"from {self._stage} join {self._compared_name} on key = {self._key} "
            "where is_version",
            [at, load],
        )
        return int(count[0])

    def _insert_tombstones(self, at: object, load: str) -> int:
        """A tombstone repeats the last known values, so that a deletion can be explained."""
        self._seal()
        meta = ", ".join(quoted(c.name) for c in META_COLUMNS)
        with self._db.registered("gone", self._gone_table()):
            count = self._one(
                f"""
                insert into {self._raw} ({self._columns}, {meta})
                with latest as (
                    select *
                    from {self._raw}
                    where
                        {self._key} in (select key from gone)
                        and {self._key} not in (select {self._key} from {self._stage})
                    qualify row_number() over (partition by {self._key} order by _as_of desc) = 1
                )
                select {self._columns}, ?::timestamp, ?, _row_hash, true
                from latest where not _is_deleted
                """,
                [at, load],
            )
        return int(count[0])

    def _content_hash(self, load: str) -> str:
        """Hash of the row versions that this load appended, independent of their order."""
        # A row's hash covers its key; a tombstone repeats the hash of what it ends.
        version = "case when _is_deleted then -1 - _row_hash else _row_hash end"
        sql = f"select bit_xor({version}) from {self._raw} where _load_id = ?"
        return str(self._one(sql, [load])[0])

    def _quarantine_rows(self, load: str) -> list[dict[str, Any]]:
        stream, at = self._request.stream, ledger.naive_utc(self._request.as_of)
        return [
            {"stream": stream, "row_key": q.row_key, "column_name": q.column_name, "rule": q.rule,
             "value_text": q.value_text, "load_id": load, "as_of": at}
            for q in self._quarantine
        ]  # fmt: skip

    def abandon(self) -> None:
        self._direct.undo()
        self._unseal()
        self._waiting, self._waiting_rows = [], 0
        if self._is_spilled:
            self._is_spilled = False
            self._db.execute(f"drop table if exists {self._stage}")
