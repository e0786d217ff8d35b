"""Loading change folders into the simulated PostgreSQL: DDL, COPY, set-based upsert and delete.

The tables are derived from the contract, so the simulator cannot drift from it.
Starting and stopping the server is in `postgres`.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestration.simulation.changes import ChangeFolder, bad_line, bad_row, read_changes
from orchestration.simulation.postgres import READER, SimulatedPostgres
from orchestration.sources.contract import ColumnType, RawTable, tables

DATABASES = {"engine": "subscriptions", "billing": "billing_prod", "core": "core_prod"}
"""Source of the contract → database of the platform."""

_TYPES: dict[ColumnType, str] = {
    "string": "text",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp": "timestamptz",
    "date": "date",
    "numeric": "numeric(38,9)",
    "string_array": "text[]",
    "json": "jsonb",
}

_Connection = psycopg.Connection[tuple[Any, ...]]


class PlatformDatabases:
    """The three databases of the platform and how far each has come.

    The position is kept in each database (`simulator.applied`) and moves in the same
    transaction as the rows, so that a killed simulator resumes where it stood.
    """

    def __init__(self, server: SimulatedPostgres, fingerprint: str) -> None:
        self._server = server
        self._fingerprint = fingerprint

    def apply(self, folders: tuple[ChangeFolder, ...]) -> None:
        """Bring every database to the state after the last of `folders` (all from the first on).

        A database of another world, or one that is already further, is built again.
        """
        for source, database in DATABASES.items():
            if self._position(database) >= len(folders):
                self._server.drop_database(database)
            position = self._position(database)
            if position < 0:
                self._server.ensure_database(database)
            with self._server.admin(database) as connection:
                for folder in folders[max(position, -1) + 1 :]:
                    with connection.transaction():
                        self._apply_folder(connection, source, folder)

    def _position(self, database: str) -> int:
        """Index of the last folder applied, -1 when there is none (or of another world)."""
        try:
            with self._server.admin(database) as connection:
                row = connection.execute(
                    "select fingerprint, folder from simulator.applied"
                ).fetchone()
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
            return -1
        if row is None or row[0] != self._fingerprint:
            self._server.drop_database(database)
            return -1
        return int(str(row[1]))

    def _apply_folder(self, connection: _Connection, source: str, folder: ChangeFolder) -> None:
        is_base = folder.index == 0
        if is_base:
            _create_schemas(connection, source)
        for table in tables(source):
            path = folder.file(source, table.name)
            if is_base:
                _load_base(connection, table, path)
            elif path.exists():
                _load_changes(connection, table, path)
        connection.execute("delete from simulator.applied")
        connection.execute(
            "insert into simulator.applied values (%s, %s)", [self._fingerprint, folder.index]
        )


def _create_schemas(connection: _Connection, source: str) -> None:
    connection.execute("create schema simulator")
    connection.execute("create table simulator.applied (fingerprint text, folder integer)")
    for schema in sorted({t.source_relation.split(".")[0] for t in tables(source)}):
        name, reader = sql.Identifier(schema), sql.Identifier(READER)
        for statement in (
            "create schema if not exists {0}",
            "grant usage on schema {0} to {1}",
            "alter default privileges in schema {0} grant select on tables to {1}",
        ):
            connection.execute(sql.SQL(statement).format(name, reader))


def table_ddl(table: RawTable) -> sql.Composed:
    """Return `create table` of a contract table, with its columns but without keys."""
    columns = (
        sql.SQL("{} {}{}").format(
            sql.Identifier(c.name),
            sql.SQL(_TYPES[c.type]),
            sql.SQL("" if c.nullable else " not null"),
        )
        for c in table.columns
    )
    return sql.SQL("create table {} ({})").format(_relation(table), sql.SQL(", ").join(columns))


def _load_base(connection: _Connection, table: RawTable, path: Path) -> None:
    """Create and fill a table; keys and index come after the rows, which is faster."""
    relation, key = _relation(table), sql.Identifier(table.primary_key)
    connection.execute(table_ddl(table))
    names = sql.SQL(", ").join(sql.Identifier(c.name) for c in table.columns)
    _copy(connection, sql.SQL("copy {} ({}) from stdin").format(relation, names), table, path)
    connection.execute(sql.SQL("alter table {} add primary key ({})").format(relation, key))
    connection.execute(sql.SQL("create index on {} (updated_at)").format(relation))
    connection.execute(sql.SQL("analyze {}").format(relation))


def _load_changes(connection: _Connection, table: RawTable, path: Path) -> None:
    """Apply one file of upserts and deletes, set-based."""
    relation, key = _relation(table), sql.Identifier(table.primary_key)
    names = sql.SQL(", ").join(sql.Identifier(c.name) for c in table.columns)
    others = [c.name for c in table.columns if c.name != table.primary_key]
    sets = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others
    )
    connection.execute(
        sql.SQL("create temp table change on commit drop as select * from {} limit 0").format(
            relation
        )
    )
    copy = sql.SQL("copy change ({}) from stdin").format(names)
    deleted = _copy(connection, copy, table, path)
    delete = sql.SQL("delete from {} where {} = any(%s)").format(relation, key)
    connection.execute(delete, [deleted])
    upsert = "insert into {0} ({1}) select {1} from change on conflict ({2}) do update set {3}"
    connection.execute(sql.SQL(upsert).format(relation, names, key, sets))
    connection.execute("drop table change")


def _copy(
    connection: _Connection, statement: sql.Composed, table: RawTable, path: Path
) -> list[str]:
    """COPY the upserted rows of a file; return the keys that the file deletes."""
    deleted: list[str] = []
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in _rows(table, path, deleted):
                copy.write_row(row)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        told = (error.diag.message_primary or str(error), error.diag.context or "")
        problem = f"{table.stream} refuses a row: {' in '.join(told)}"
        raise bad_row(path, problem) from None
    return deleted


def _rows(table: RawTable, path: Path, deleted: list[str]) -> Iterator[tuple[Any, ...]]:
    names = [c.name for c in table.columns]
    values = itemgetter(*names)
    for change in read_changes(path):
        if change.row is None:
            assert change.key is not None
            deleted.append(change.key)
            continue
        if len(change.row) != len(names) or not all(name in change.row for name in names):
            unknown = sorted(set(change.row) - set(names))
            missing = sorted(set(names) - set(change.row))
            problem = f"columns of {table.stream} differ: missing {missing}, unknown {unknown}"
            raise bad_line(path, change.line, problem)
        yield values(change.row)


def _relation(table: RawTable) -> sql.Identifier:
    return sql.Identifier(*table.source_relation.split("."))
