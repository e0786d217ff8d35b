"""The embedded warehouse: one DuckDB file, one writing process. How rows land is in `landing`.

A run writes `<home>/run/warehouse.duckdb`; `publish` copies it beside the published file
and renames it over, so that readers always open the last finished state.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from orchestration.errors import PaygoError, PermanentFailure
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT, META_COLUMNS, RawTable, with_unclassified
from orchestration.sources.contract import table as contract_of
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest, StreamCursor
from orchestration.warehouse.duckdb_file import open_files, translated
from orchestration.warehouse.handle import Handle
from orchestration.warehouse.landing import DuckDbStagedLoad
from orchestration.warehouse.ops import OPS_TABLES, ops_columns, ops_ddl
from orchestration.warehouse.publishing import (
    marker_of,
    publish_file,
    publish_notes,
    refuse_unfinished,
)
from orchestration.warehouse.raw import (
    SQL_TYPES,
    column_ddl,
    quoted,
    raw_ddl,
    raw_relation,
    unclassified_ddl,
)

# Leaves room for Arrow batches and Python below 1 GB resident.
MEMORY_LIMIT = "640MB"

# So much of it keeps its pages once it has them: asking the system for each block anew is a
# twentieth of a first load's processor time.
_KEPT_MEMORY = "320MB"

# A larger commit (by the engine's estimate, which leaves out texts) goes straight into the file;
# a smaller one is written twice, first to the log.
_LOGGED_COMMIT = "4MB"

# So many rows of the ops schema are written as parameters.
_FEW = 8


class DuckDbWarehouse(Handle):
    """See `base.Warehouse`. One thread at a time; `fork` gives another thread a handle."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        published: Path,
        parent: DuckDbWarehouse | None = None,
    ) -> None:
        super().__init__()
        self._connection = connection
        self._path = path
        self._published = published
        self._parent = parent
        self._stages = 0
        self._closed = False

    @classmethod
    def open(cls, settings: Settings, mode: Literal["write", "read"]) -> DuckDbWarehouse:
        """Open the working copy for writing or the published file for reading."""
        if mode == "read":
            return cls._open_published(settings.warehouse_path)
        path = settings.run_warehouse_path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = duckdb.connect(
                str(path),
                config={
                    "memory_limit": MEMORY_LIMIT,
                    "block_allocator_memory": _KEPT_MEMORY,
                    "checkpoint_threshold": _LOGGED_COMMIT,
                    "threads": "2",
                    "temp_directory": str(path.parent / "spill"),
                },
            )
        except (duckdb.Error, OSError) as error:
            raise translated(error, path) from error
        warehouse = cls(connection, path, settings.warehouse_path)
        try:
            warehouse._create()
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    @classmethod
    def _open_published(cls, path: Path) -> DuckDbWarehouse:
        if not path.is_file():
            raise PermanentFailure(
                f"there is no warehouse at {path} yet",
                tried="opening it for reading",
                todo="run `make demo` or `paygo run` first, or set PAYGO_HOME to its folder",
            )
        try:
            connection = duckdb.connect(str(path), read_only=True)
        except (duckdb.Error, OSError) as error:
            raise translated(error, path) from error
        return cls(connection, path, path)

    def _create(self) -> None:
        """Create what is missing; looking first is much cheaper than 44 statements in vain."""
        with self.transaction():
            found: dict[tuple[str, str], dict[str, str]] = {}
            for schema, name, column, kind in self.execute(
                "select schema_name, table_name, column_name, data_type from duckdb_columns() "
                "where schema_name in ('raw', 'ops')"
            ):
                found.setdefault((schema, name), {})[column] = kind.lower()
            if not found:
                for schema in ("raw", "ops"):
                    self.execute(f"create schema if not exists {schema}")
            for name, ddl in zip(OPS_TABLES, ops_ddl(), strict=True):
                if ("ops", name) not in found:
                    self.execute(ddl)
                else:
                    self._add_ops_columns(name, found["ops", name])
            for table in CONTRACT:
                if ("raw", table.raw_name) not in found:
                    self.execute(raw_ddl(table))
                else:
                    self._add_new_columns(table, found["raw", table.raw_name])

    def _add_ops_columns(self, name: str, have: dict[str, str]) -> None:
        """Follow an ops table that gained columns: its older rows have no value there."""
        for column, kind in OPS_TABLES[name]:
            if column not in have:
                nullable = kind.removesuffix(" not null")
                self.execute(f"alter table ops.{quoted(name)} add column {column} {nullable}")

    def _add_new_columns(self, table: RawTable, have: dict[str, str]) -> None:
        """Follow a contract that gained columns; a retyped column asks for a fresh file."""
        for column in (*table.landed_columns, *META_COLUMNS):
            wanted = SQL_TYPES[column.type].replace(" ", "")
            if column.name not in have:
                ddl = column_ddl(column)
                self.execute(f"alter table {raw_relation(table)} add column {ddl}")
            elif have[column.name].replace(" ", "") != wanted:
                raise PermanentFailure(
                    f"{raw_relation(table)}.{column.name} is {have[column.name]} in "
                    f"{self._path}, and the contract says {wanted}",
                    todo="move the file away and run again: the sources are read anew",
                )

    def execute(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement to its end and return its rows; engine errors become ours."""
        return list(self._run(sql, params).fetchall())

    def _run(self, sql: str, params: Sequence[object]) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, list(params))
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise translated(error, self._path) from error

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        try:
            return self._connection.sql(sql, params=list(params)).to_arrow_table()
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise translated(error, self._path) from error

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        found = self._run(sql, params)
        names = [d[0] for d in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    @contextlib.contextmanager
    def transaction(self, *, has_begun: bool = False) -> Iterator[None]:
        """Everything inside becomes visible together, or nothing does."""
        if not has_begun:
            self.execute("begin transaction")
        try:
            yield
            self.execute("commit")
        except BaseException:
            # The engine has rolled back by itself when the commit failed.
            with contextlib.suppress(duckdb.Error, PaygoError):
                self.execute("rollback")
            raise

    def stage(self, request: LoadRequest) -> DuckDbStagedLoad:
        self._stages += 1
        table = contract_of(request.stream)
        if request.has_unclassified:
            table = with_unclassified(table)
            self.execute(unclassified_ddl(table))
        return DuckDbStagedLoad(self, table, request, self._stages)

    def _read_cursors(self) -> Iterator[StreamCursor]:
        return (ledger.stored_cursor(*row) for row in self.execute(ledger.SELECT_CURSORS))

    def _is_in_ledger(self, load: str) -> bool:
        return bool(self.execute(ledger.SELECT_LOAD, [load]))

    def record_load(
        self,
        table: RawTable,
        request: LoadRequest,
        load: str,
        counts: tuple[int, int, str],
        cursor: Mapping[str, Any],
    ) -> None:
        """Write ledger row and cursor of a load; inside the transaction that writes its rows."""
        at, text = ledger.naive_utc(request.as_of), ledger.cursor_text(cursor)
        appended, deleted, content = counts
        entry = [load, table.stream, table.source, at, request.run_id, request.mode]
        entry += [appended, deleted, text, content, ledger.naive_utc(request.recorded_at)]
        self.execute(ledger.INSERT_LEDGER, entry)
        is_known = self.cursor(table.stream) is not None
        statement = ledger.UPDATE_CURSOR if is_known else ledger.INSERT_CURSOR
        self.execute(statement, [text, at, load, table.stream])

    def fork(self) -> DuckDbWarehouse:
        # A cursor is a connection of its own: transactions, temporary tables, registered data.
        return DuckDbWarehouse(self._connection.cursor(), self._path, self._published, self)

    def append_ops(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._insert_ops(table, list(rows))

    def replace_ops(
        self, table: str, rows: Iterable[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        with self.transaction():
            self._insert_ops(table, list(rows), replace=key)

    def record_ops(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Write what a load adds to `ops.<table>`, within its transaction."""
        self._insert_ops(table, rows, once=ledger.WRITTEN_ONCE.get(table))

    def _insert_ops(
        self,
        table: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        replace: Sequence[str] | None = None,
        once: Sequence[str] | None = None,
    ) -> None:
        columns = ops_columns(table)
        if not rows:
            return
        if unknown := {name for row in rows for name in row} - set(columns):
            raise KeyError(f"ops.{table} has no column {', '.join(sorted(unknown))}")
        if len(rows) <= _FEW:
            self._insert_few(
                table,
                [[_stored(r.get(c)) for c in columns] for r in rows],
                replace=replace,
                once=once,
            )
            return
        arrays = [pa.array([_stored(row.get(c)) for row in rows]) for c in columns]
        with self.registered("ops_rows", pa.table(arrays, names=list(columns))):
            if replace:
                self.execute(
                    f"delete from ops.{quoted(table)} o "
                    f"where exists (select 1 from ops_rows n where {_same(replace)})"
                )
            self.execute(_insertion(table, "ops_rows n", once))

    def _insert_few(
        self,
        table: str,
        rows: Sequence[Sequence[object]],
        *,
        replace: Sequence[str] | None,
        once: Sequence[str] | None,
    ) -> None:
        """Insert rows as parameters: making a relation of them costs more than writing them."""
        columns = ops_columns(table)
        if replace:
            at = [columns.index(c) for c in replace]
            one = " and ".join(f"{quoted(c)} is not distinct from ?" for c in replace)
            self.execute(
                f"delete from ops.{quoted(table)} where " + " or ".join([f"({one})"] * len(rows)),
                [row[i] for row in rows for i in at],
            )
        one = f"({', '.join('?' * len(columns))})"
        names = ", ".join(map(quoted, columns))
        relation = f"(values {', '.join([one] * len(rows))}) as n({names})"
        self.execute(_insertion(table, relation, once), [value for row in rows for value in row])

    def limit_memory(self, limit: str = MEMORY_LIMIT) -> None:
        """Let the engine hold so much, in all handles; without a limit: as when it was opened."""
        self.execute(f"set global memory_limit = '{limit}'")

    def write_through(self) -> None:
        """Wait until the disk has what was written to the file so far; may run beside other work.

        Only to have less to wait for at the commit, so: nothing, where the system does not show
        which of the process's files is ours. (To open the file once more would, on closing it,
        take the engine's lock away.)
        """
        for number in open_files(self._path):
            try:
                os.fdatasync(number)
            except OSError as error:
                # The system tells a failed write once; the engine would not hear of it.
                raise translated(error, self._path) from error

    def register(self, name: str, data: pa.Table) -> None:
        """Make an Arrow table visible to SQL under `name` until `unregister`."""
        self._connection.register(name, data)

    def unregister(self, name: str) -> None:
        """Undo `register`."""
        self._connection.unregister(name)

    @contextlib.contextmanager
    def registered(self, name: str, data: pa.Table) -> Iterator[None]:
        """Make an Arrow table visible to SQL under `name` for a while."""
        self.register(name, data)
        try:
            yield
        finally:
            self.unregister(name)

    def publish(self) -> None:
        if self._path == self._published:
            raise PermanentFailure("a warehouse opened for reading cannot be published")
        refuse_unfinished(marker_of(self._path), f"publishing {self._path}")
        self.execute("checkpoint")
        try:
            publish_file(self._path, self._published)
        except OSError as error:
            raise translated(error, self._published) from error

    def publish_ops(self) -> None:
        if not marker_of(self._path).exists() or not self._published.exists():
            self.publish()
            return
        try:
            publish_notes(self.execute, self._published)
        except OSError as error:
            raise translated(error, self._published) from error

    def erase_rows(self, relation: str, column: str, values: Sequence[str]) -> int:
        """See `erasure.Eraser`."""
        with self.registered("erased", pa.table({"value": pa.array(values, pa.string())})):
            gone = self.execute(
                f"delete from {relation} where {quoted(column)} in (select value from erased) "
                f"or split_part({quoted(column)}, ':', 1) in (select value from erased)"
            )
        return int(gone[0][0])

    def forget_uncommitted(self) -> None:
        """See `erasure.Eraser`. Rows and ledger are one transaction here: there are none."""

    def mentions(self, relation: str, text: str) -> int:
        """See `erasure.Eraser`."""
        sql = f"select count(*) from {relation} as r where contains(cast(r as varchar), ?)"
        return int(self.execute(sql, [text])[0][0])

    @property
    def closed(self) -> bool:
        """Say whether `close` was called."""
        return self._closed

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._connection.close()
            if self._parent is not None:
                self._parent.forget_cursors()


def _insertion(table: str, relation: str, once: Sequence[str] | None) -> str:
    """Insert a relation's rows into an ops table; of those that `once` names only the new ones."""
    names = ", ".join(map(quoted, ops_columns(table)))
    known = f"select 1 from ops.{quoted(table)} o where {_same(once or ())}"
    return f"insert into ops.{quoted(table)} ({names}) select {names} from {relation}" + (
        f" where not exists ({known})" if once else ""
    )


def _same(columns: Sequence[str]) -> str:
    return " and ".join(f"o.{quoted(c)} is not distinct from n.{quoted(c)}" for c in columns)


def _stored(value: object) -> object:
    return ledger.naive_utc(value) if isinstance(value, datetime) and value.tzinfo else value
