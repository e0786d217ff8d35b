"""The production warehouse: BigQuery. How rows land is in `bigquery_landing`.

A load is one Parquet load job into the raw table, under a name that follows from its content, and
then one transaction that inserts the ledger row. Nothing reads a row version whose load the
ledger does not hold, and the cursors are a view of the ledger, so that insert is the moment at
which data, ledger and cursor become visible together. Nothing is streamed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
from google.cloud import bigquery

from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT, UNCLASSIFIED, RawTable, with_unclassified
from orchestration.sources.contract import table as contract_of
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest, StreamCursor
from orchestration.warehouse.bigquery_commit import (
    LEFTOVERS,
    as_json,
    commit_script,
    forget_script,
    insert_rows,
    listed,
    load_job,
    load_schema,
    same_column,
    unique,
)
from orchestration.warehouse.bigquery_jobs import Jobs, label
from orchestration.warehouse.bigquery_landing import BigQueryStagedLoad
from orchestration.warehouse.bigquery_schema import (
    CURSORS,
    SCRATCH,
    SQL_TYPES,
    ops_ddl,
    ops_type,
    quoted,
    raw_ddl,
    raw_relation,
)
from orchestration.warehouse.bigquery_spelling import spelled
from orchestration.warehouse.handle import Handle
from orchestration.warehouse.ops import OPS_TABLES, ops_columns

# Longer lists travel as a table; a request may have 10 MB. There a letter that is not ASCII takes
# up to six bytes, and the quotes of JSON within JSON two.
KEYS_IN_A_REQUEST = 20_000
LETTERS_IN_A_REQUEST = 500_000

_COMMITTED = ledger.is_committed("@stream")


class BigQueryWarehouse(Handle):
    """See `base.Warehouse`. One thread at a time; `fork` gives another thread a handle."""

    def __init__(
        self,
        jobs: Jobs,
        settings: Settings,
        *,
        writes: bool,
        parent: BigQueryWarehouse | None = None,
    ) -> None:
        super().__init__()
        self._jobs = jobs
        self._settings = settings
        self._writes = writes
        self._parent = parent
        self._run = ""

    @classmethod
    def open(cls, settings: Settings, mode: Literal["write", "read"]) -> BigQueryWarehouse:
        """Connect; `write` first creates the tables that are missing."""
        warehouse = cls(Jobs.connect(settings), settings, writes=mode == "write")
        if warehouse._writes:
            warehouse.create()
        return warehouse

    def create(self) -> None:
        """Create missing raw and ops tables and columns. Errors: a retyped column, by name.

        Looking first costs two queries; the DDL of all tables would cost a second each.
        """
        found = {layer: self._columns(layer) for layer in ("raw", "ops")}
        missing = [raw_ddl(t) for t in CONTRACT if t.raw_name not in found["raw"]]
        missing += [ddl for name, ddl in ops_ddl().items() if name not in found["ops"]]
        if missing:
            self._jobs.run(";\n".join(missing), doing="creating raw and ops tables")
        for table in CONTRACT:
            wanted = {c.name: SQL_TYPES[c.type] for c in table.landed_columns}
            self._follow(raw_relation(table), wanted, found["raw"].get(table.raw_name))
        for name, columns in OPS_TABLES.items():
            kinds = {column: ops_type(kind)[0] for column, kind in columns}
            if name != CURSORS:
                self._follow(f"ops.{quoted(name)}", kinds, found["ops"].get(name))

    def _columns(self, dataset: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        sql = f"select table_name, column_name, data_type from {dataset}.INFORMATION_SCHEMA.COLUMNS"
        for row in self.rows(sql):
            found.setdefault(row["table_name"], {})[row["column_name"]] = row["data_type"]
        return found

    def _follow(self, relation: str, wanted: dict[str, str], have: dict[str, str] | None) -> None:
        """Add the columns that a table has not; refuse a retyped one."""
        for name, kind in wanted.items() if have else ():
            if name not in (have or {}):
                self._jobs.run(
                    f"alter table {relation} add column if not exists {quoted(name)} {kind}",
                    doing=f"adding {relation}.{name}",
                )
            elif (have or {})[name] != kind:
                raise PermanentFailure(
                    f"{relation}.{name} is {(have or {})[name]} in BigQuery, "
                    f"and the contract says {kind}",
                    todo="see `Moving a schema forward` in README.md",
                )

    def fork(self) -> BigQueryWarehouse:
        # The client's connection pool is not for several threads.
        jobs = Jobs.connect(self._settings)
        return BigQueryWarehouse(jobs, self._settings, writes=self._writes, parent=self)

    # Reading -------------------------------------------------------------------------------------

    def query(self, sql: str, params: Sequence[object] | Mapping[str, object] = ()) -> pa.Table:
        return _naive(self._jobs.read(spelled(sql), params, labels=self._labels("read")))

    def rows(
        self, sql: str, params: Sequence[object] | Mapping[str, object] = ()
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.query(sql, params).to_pylist()
        return found

    def _labels(self, model: str) -> dict[str, str]:
        """Return labels; a load's run is the one that its ledger row will name."""
        return {"model": label(model), **({"run": label(self._run)} if self._run else {})}

    def latest(
        self,
        table: RawTable,
        columns: Sequence[str],
        values: Sequence[str] | None,
        *,
        by: str | None = None,
    ) -> pa.Table:
        """Return the last committed version of every key, or of those whose `by` is in `values`."""
        key = quoted(table.primary_key)
        names = ", ".join(quoted(name) for name in columns)
        params: dict[str, object] = {"stream": table.stream}
        only, lists = "", None
        if values is not None:
            column = quoted(by or table.primary_key)
            if len(values) <= KEYS_IN_A_REQUEST:
                params["listed"] = list(values)
                only = f"and {column} in unnest(@listed)"
            else:
                lists = self._key_table(values)
                only = f"and {column} in (select key from {lists})"
        sql = (
            f"select {names} from {raw_relation(table)} where {_COMMITTED} {only} "
            f"qualify row_number() over (partition by {key} order by _as_of desc) = 1"
        )
        try:
            return self.query(sql, params)
        finally:
            if lists:
                self._drop_list(lists)

    def _drop_list(self, name: str) -> None:
        self._jobs.run(f"drop table if exists {name}", doing="dropping a list of keys")

    def _key_table(self, values: Sequence[str]) -> str:
        """Load a long list of keys (or rows as JSON) into a table that expires by itself."""
        data = pa.table({"key": pa.array(values, pa.string())})
        digest = hashlib.sha256("\n".join(values).encode()).hexdigest()[:24]
        name = f"{SCRATCH}.keys_{digest}"
        self._jobs.run(
            f"create table if not exists {name} (key STRING not null) "
            "options (labels = [('pipeline', 'paygo'), ('layer', 'scratch')])",
            doing="creating a list of keys",
        )
        schema = [bigquery.SchemaField("key", "STRING", "REQUIRED")]
        self._jobs.load(
            data, name, schema, doing="loading a list of keys",
            job_id=f"paygo-keys-{digest}-{unique()}", replace=True,
        )  # fmt: skip
        return name

    def live_count(self, table: RawTable) -> int:
        """Return how many keys are live, by their last committed versions."""
        key = quoted(table.primary_key)
        (row,) = self.rows(
            f"select count(*) as live from (select _is_deleted from {raw_relation(table)} "
            f"where {_COMMITTED} "
            f"qualify row_number() over (partition by {key} order by _as_of desc) = 1) as latest "
            "where not _is_deleted",
            {"stream": table.stream},
        )
        return int(row["live"])

    # Loads ---------------------------------------------------------------------------------------

    def stage(self, request: LoadRequest) -> BigQueryStagedLoad:
        self._run = request.run_id
        table = contract_of(request.stream)
        if request.has_unclassified:
            table = with_unclassified(table)
            self._jobs.run(
                f"alter table {raw_relation(table)} add column if not exists {UNCLASSIFIED} string",
                doing=f"adding {table.raw_name}.{UNCLASSIFIED}",
            )
        return BigQueryStagedLoad(self, table, request)

    def _read_cursors(self) -> Iterator[StreamCursor]:
        # Asked once a handle: a query costs a second. A commit holds it against the ledger.
        for row in self.rows(ledger.SELECT_CURSORS):
            yield ledger.stored_cursor(
                row["stream"], row["cursor_json"], row["as_of"], row["load_id"]
            )

    def _is_in_ledger(self, load: str) -> bool:
        return bool(self.rows(ledger.SELECT_LOAD, [load]))

    def commit_load(
        self,
        table: RawTable,
        request: LoadRequest,
        load: str,
        versions: pa.Table,
        counts: tuple[int, int, str],
        cursor: Mapping[str, Any],
        ops: Mapping[str, list[dict[str, Any]]],
    ) -> None:
        """Append the versions by a load job, then make them visible with ledger and cursor."""
        appended, deleted, content = counts
        entry = {
            "load_id": load,
            "stream": table.stream,
            "source": table.source,
            "as_of": request.as_of,
            "run_id": request.run_id,
            "mode": request.mode,
            "rows_appended": appended,
            "rows_deleted": deleted,
            "cursor_json": ledger.cursor_text(cursor),
            "content_hash": content,
            "committed_at": request.recorded_at,
        }
        try:
            self._append_versions(table, load, versions, content)
            self._commit(table, entry, ops, f"paygo-commit-{load}")
        except PermanentFailure as error:
            if LEFTOVERS not in error.what:
                raise
            # An attempt at the same moment, now dead, had brought other rows under this load.
            again = f"{content}-{unique()}"
            where = f"from {raw_relation(table)} where _as_of = @as_of and _load_id = @load"
            doing = f"removing what a broken attempt left of {table.stream}"
            keys = {"as_of": request.as_of, "load": load}
            self._jobs.run(f"delete {where}", keys, doing=doing)
            self._append_versions(table, load, versions, again)
            self._commit(table, entry, ops, f"paygo-commit-{load}-{unique()}")
        self.remember(StreamCursor(table.stream, dict(cursor), request.as_of, load))

    def _commit(
        self,
        table: RawTable,
        entry: Mapping[str, Any],
        ops: Mapping[str, list[dict[str, Any]]],
        name: str,
    ) -> None:
        """Run the transaction; rows that are too many for a request wait in a table beside it."""
        aside = {
            kind: self._key_table([as_json([row])[1:-1] for row in rows])
            for kind, rows in ops.items()
            if len(as_json(rows)) > LETTERS_IN_A_REQUEST
        }
        script, params = commit_script(table, entry, ops, aside)
        try:
            self._jobs.run(
                script, params, doing=f"committing {table.stream}", job_id=name,
                labels=self._labels(table.raw_name),
            )  # fmt: skip
        finally:
            for relation in aside.values():
                self._drop_list(relation)

    def _append_versions(
        self, table: RawTable, load: str, versions: pa.Table, content: str
    ) -> None:
        if versions.num_rows:
            self._jobs.load(
                versions, f"raw.{table.raw_name}", load_schema(table),
                doing=f"loading {table.stream}", job_id=load_job(load, content),
                labels=self._labels(table.raw_name),
            )  # fmt: skip

    # Ops -----------------------------------------------------------------------------------------

    def append_ops(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._write_ops(table, list(rows))

    def replace_ops(
        self, table: str, rows: Iterable[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        self._write_ops(table, list(rows), replace=key)

    def _write_ops(
        self, table: str, rows: list[Mapping[str, Any]], *, replace: Sequence[str] = ()
    ) -> None:
        columns = set(ops_columns(table))
        if not rows:
            return
        if unknown := {name for row in rows for name in row} - columns:
            raise KeyError(f"ops.{table} has no column {', '.join(sorted(unknown))}")
        parts = [insert_rows(table, listed("@rows"))]
        if replace:
            same = " and ".join(same_column(table, name) for name in replace)
            parts = [
                "begin transaction",
                f"delete from ops.{quoted(table)} as o where exists "
                f"(select 1 from {listed('@rows')} where {same})",
                *parts,
                "commit transaction",
            ]
        self._jobs.run(
            ";\n".join(parts), {"rows": as_json(rows)}, doing=f"writing ops.{table}",
            labels=self._labels(table),
        )  # fmt: skip

    def erase_rows(self, relation: str, column: str, values: Sequence[str]) -> int:
        """See `erasure.Eraser`."""
        name = quoted(column)
        job = self._jobs.run(
            f"delete from {relation} where {name} in unnest(@listed) "
            f"or split({name}, ':')[safe_offset(0)] in unnest(@listed)",
            {"listed": list(values)},
            doing=f"erasing from {relation}",
        )
        return int(job.num_dml_affected_rows or 0)

    def forget_uncommitted(self) -> None:
        """See `erasure.Eraser`. A load in flight elsewhere finds out at its commit, and repeats."""
        self._jobs.run(forget_script(), doing="removing what broken attempts left")

    def mentions(self, relation: str, text: str) -> int:
        """See `erasure.Eraser`."""
        sql = (
            f"select count(*) as found from {relation} as r where strpos(to_json_string(r), ?) > 0"
        )
        return int(self.rows(sql, [text])[0]["found"])

    def publish(self) -> None:
        """Do nothing: every model replaces its table in one statement."""
        if not self._writes:
            raise PermanentFailure("a warehouse opened for reading cannot be published")

    def publish_ops(self) -> None:
        self.publish()

    def close(self) -> None:
        self._jobs.client.close()  # type: ignore[no-untyped-call]
        if self._parent is not None:
            self._parent.forget_cursors()


def _naive(table: pa.Table) -> pa.Table:
    """Return times as the rest of the code expects them: UTC without a zone."""
    plain: Callable[[pa.Field], pa.Field] = lambda f: (  # noqa: E731
        pa.field(f.name, pa.timestamp("us"), f.nullable) if pa.types.is_timestamp(f.type) else f
    )
    return table.cast(pa.schema([plain(f) for f in table.schema]))
