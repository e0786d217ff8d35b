"""PostgreSQL tables as Arrow, all of one database from one snapshot. Knows no warehouse.

Read through ADBC (binary COPY to Arrow batches). Casting, clamping and finding of misfits
is SQL, since the driver turns an infinite time into a far-past one silently. The source
never learns what has been landed: the caller says since when, or which keys.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa

from orchestration.closing import Closing
from orchestration.errors import ContractViolation, PaygoError, PermanentFailure, TransientFailure
from orchestration.sources import postgres_sql as sql
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import UNCLASSIFIED, RawTable
from orchestration.sources.misfits import Misfit
from orchestration.sources.parallel import ahead
from orchestration.sources.postgres_arrow import cast, plain_rows
from orchestration.sources.records import Records
from orchestration.sources.redact import hasher, redact_text
from orchestration.sources.unclassified import unclassified_values

_BATCH_BYTES = "8388608"
_KEYS_A_QUERY = 2000

# A COPY that breaks off comes through Arrow's reader, as the system's error.
_BROKEN = (adbc_driver_manager.Error, pa.ArrowException, OSError)

_ON_THE_WAY = re.compile(r"connect: (connection to server|could not translate host name) ")

_STATUS = "adbc.postgresql.transaction_status"

_SETTINGS = {
    "timezone": "UTC",
    # A policy that hides rows from this role must be an error, not a smaller table.
    "row_security": "off",
    "statement_timeout": "10min",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30min",
}

_SESSION = (
    "set transaction isolation level repeatable read, read only",
    "select " + ", ".join(f"set_config('{n}', '{v}', true)" for n, v in _SETTINGS.items()),
)


@dataclass(frozen=True)
class KeySummary:
    """What a table holds: rows, the sum of PostgreSQL's hashes of the keys, sums of money."""

    rows: int
    key_hash: int
    money: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Horizon:
    """Age of the oldest transaction that may still commit; None: there is none to see.

    `is_blind` when the role may not see other sessions (it lacks pg_read_all_stats).
    """

    oldest: timedelta | None
    is_blind: bool


@dataclass(frozen=True)
class Shape:
    """Columns of a table that the contract does not know: name and type."""

    additional: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Standby:
    """What a standby says of itself.

    `replayed`: everything that was committed until then has been seen (aware UTC).
    `open_transaction`: number of the primary's oldest one that may still commit; None: none.
    """

    replayed: datetime
    open_transaction: str | None


class PostgresSource(Closing):
    """One database read at one moment; a context manager that holds the snapshot open."""

    def __init__(self, name: str, dsn: str, hash_key: bytes) -> None:
        self.name = name
        self._dsn = dsn
        self._hash = hasher(hash_key)
        self._connection: Any = None
        self._types: dict[str, dict[str, str]] = {}
        self._additional: dict[str, tuple[tuple[str, str], ...]] = {}
        self._horizon: Horizon | None = None
        self.standby: Standby | None = None
        """Set where the server is a standby; None: it is a primary."""

    def __enter__(self) -> Self:
        try:
            self._connection = self._connect()
            ((is_standby, replayed),) = self._run(sql.REPLAYED)
            ((oldest, blind),) = self._run(sql.HORIZON)
            age = None if oldest is None else timedelta(seconds=float(oldest))
            self._horizon = Horizon(age, bool(blind))
            with self._translating():
                self._connection.rollback()
            for statement in _SESSION:
                self._run(statement)
            if is_standby:
                self.standby = self._standby(replayed)
        except BaseException:
            self.close()
            raise
        return self

    def _connect(self) -> Any:
        try:
            return adbc_driver_postgresql.dbapi.connect(self._dsn)
        except _BROKEN as error:
            failure = self._translated(error)
            if not _was_understood(self._dsn, str(error)):
                setting = f"PAYGO_{self.name.upper()}_DSN"
                failure = PermanentFailure(
                    f"{setting} cannot be read as a connection string",
                    todo=f"percent-encode user and password in {setting}, and check its form: "
                    "postgresql://user:password@host:port/database",
                )
        # Not while the driver's error is handled: a traceback would show that too.
        raise failure

    def _standby(self, replayed: float | None) -> Standby:
        if replayed is None:
            raise TransientFailure(
                f"the {self.name} database is a standby that does not say what it has replayed",
                tried="pg_last_xact_replay_timestamp() and pg_stat_wal_receiver",
                todo="grant pg_read_all_stats to the reading role, and see that the standby "
                "receives from its primary",
            )
        ((number,),) = self._run(sql.OPEN_TRANSACTION)
        # Whole milliseconds, downwards: never more than is sure.
        milliseconds = int(replayed * 1000)
        return Standby(
            datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds), number
        )

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            # On a connection that is lost there is nothing to roll back.
            with contextlib.suppress(*_BROKEN):
                connection.rollback()
        finally:
            connection.close()

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except _BROKEN as error:
            raise self._translated(error) from error

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        """Open a cursor for one statement; what breaks in it becomes an error that says so."""
        with self._translating():
            # Before 1.11, the driver ends the process when a statement meets such a connection.
            if self._connection.adbc_connection.get_option(_STATUS) == "unknown":
                raise ConnectionError("the connection is lost")
            with self._connection.cursor() as cursor:
                yield cursor

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def _translated(self, error: Exception) -> PaygoError:
        """Turn the driver's error into one that says what to do; the DSN is never shown."""
        text = " ".join(str(error).split()).replace(self._dsn, "<dsn>")
        state = getattr(error, "sqlstate", None) or ""
        where = f"the {self.name} database"
        setting = f"PAYGO_{self.name.upper()}_DSN"
        if "authentication failed" in text or "no password supplied" in text:
            return PermanentFailure(
                f"{where} refused the login: {text}", todo=f"correct user and password in {setting}"
            )
        if ("role" in text or "database" in text) and "does not exist" in text:
            return PermanentFailure(f"{where}: {text}", todo=f"correct {setting}")
        if state == "42501" or "permission denied" in text:
            return PermanentFailure(
                f"{where}: {text}",
                todo="grant select on its tables and usage on their schemas to the reading role",
            )
        if state[:2] in ("22", "42"):
            return PermanentFailure(f"{where} cannot run the extraction query: {text}")
        return TransientFailure(
            f"{where} cannot be read: {text}",
            tried="reading it in one snapshot",
            todo=f"see that the server is up and {setting} right, then run again",
        )

    def inspect(self, tables: Iterable[RawTable]) -> None:
        """Read the columns of the tables from the catalogue; `check` compares them."""
        for relation, name, kind in self._run(sql.columns_query(tables)):
            self._types.setdefault(relation, {})[name] = kind

    def check(self, table: RawTable) -> Shape:
        """Hold a table against its contract: ContractViolation when a column is gone or retyped."""
        found = self._types.get(table.source_relation)
        if not found:
            raise ContractViolation(
                f"{table.stream}: there is no table {table.source_relation} in {self.name}, "
                "or the reading role may not see it",
                todo="grant select on it, or correct orchestration/sources/contract_postgres.py",
            )
        known = {column.name for column in table.columns}
        additional = tuple((n, k) for n, k in sorted(found.items()) if n not in known)
        self._additional[table.stream] = additional
        for column in table.columns:
            if column.name not in found:
                hint = ", ".join(n for n, _ in additional)
                raise ContractViolation(
                    f"{table.stream}: column {column.name!r} is missing in {table.source_relation}"
                    + (f" (columns it has and the contract has not: {hint})" if hint else ""),
                    tried="comparing the table with the contract; nothing of it was landed",
                    todo="see whether it was renamed, then change the contract",
                )
            if found[column.name] not in sql.ACCEPTED_TYPES[column.type]:
                raise ContractViolation(
                    f"{table.stream}: column {column.name!r} is {found[column.name]} in "
                    f"{table.source_relation}, the contract says {column.type}",
                    tried="comparing the table with the contract; nothing of it was landed",
                    todo="see why its type changed, then change the contract",
                )
        return Shape(additional)

    def horizon(self) -> Horizon:
        """Say how old the oldest transaction was that could commit rows behind the snapshot."""
        assert self._horizon is not None, "the source is not open"
        return self._horizon

    def read(
        self,
        table: RawTable,
        *,
        since: datetime | None = None,
        keys: Sequence[str] | None = None,
    ) -> Generator[Records, None, None]:
        """Yield batches with `_key_hash`: all rows, those updated since a moment, or by key.

        Until it has ended or is closed, a thread uses the connection: nothing else may.
        Where `check` has found columns that the contract does not know, they also have
        `_unclassified`.
        """
        types = self._types[table.source_relation]
        names = [name for name, _ in self._additional.get(table.stream, ())]
        if keys is None:
            odd: list[str] = []
            query = sql.plain_query(table, types, since=since, additional=names)
            with contextlib.closing(self._batches(query)) as batches:
                for batch in batches:
                    rows, found = plain_rows(table, batch)
                    odd.extend(found)
                    yield Records(self._redacted(table, rows))
            keys = odd
        for start in range(0, len(keys), _KEYS_A_QUERY):
            part = keys[start : start + _KEYS_A_QUERY]
            query = sql.rows_query(table, types, part, names)
            with contextlib.closing(self._batches(query)) as batches:
                for batch in batches:
                    yield Records(self._redacted(table, batch), _misfits(table, batch))

    def has_unique_keys(self, table: RawTable) -> bool:
        """Say whether the server guarantees that no key comes twice."""
        ((is_unique,),) = self._run(sql.unique_query(table.source_relation, table.primary_key))
        return bool(is_unique)

    def _batches(self, query: str) -> Generator[pa.RecordBatch, None, None]:
        with self._cursor() as cursor:
            cursor.adbc_statement.set_options(
                **{"adbc.postgresql.batch_size_hint_bytes": _BATCH_BYTES}
            )
            cursor.execute(query)
            yield from ahead(cursor.fetch_record_batch())

    def _redacted(self, table: RawTable, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = []
        for column in table.landed_columns:
            array = batch.column(column.name)
            if column.pii == "hash":
                array = pa.array([self._hash(v) for v in array.to_pylist()], pa.string())
            elif column.pii == "redact_text":
                texts = array.to_pylist()
                array = pa.array([None if v is None else redact_text(v) for v in texts])
            arrays.append(cast(table, column, array, batch.column(table.primary_key)))
        # Nullability is checked where rows are staged, with a message of its own.
        fields = [pa.field(f.name, f.type) for f in landed_schema(table)]
        if additional := self._additional.get(table.stream):
            arrays.append(unclassified_values(batch, additional, self._hash))
            fields.append(pa.field(UNCLASSIFIED, pa.string()))
        fields.append(pa.field("_key_hash", pa.int64()))
        arrays.append(batch.column("_key_hash"))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def key_summary(self, table: RawTable, *, all_fit: bool = False) -> KeySummary:
        """Count the rows, sum the hashes of their keys and their money, in the server.

        `all_fit`: the whole table was read from this snapshot without a misfit.
        """
        ((rows, total, *sums),) = self._run(sql.summary_query(table, all_fit=all_fit))
        money = dict(zip(table.money_columns, map(Decimal, sums), strict=True))
        return KeySummary(int(rows), int(total), money)

    def keys(self, table: RawTable) -> pa.Array:
        """Fetch every primary key of the table."""
        with self._cursor() as cursor:
            cursor.execute(sql.keys_query(table))
            return cursor.fetch_arrow_table().column(0).combine_chunks()

    def savepoint(self) -> None:
        """Remember the state of the snapshot, so that one table's error spares the others."""
        self._run("savepoint before_table")

    def roll_back(self) -> None:
        """Return to the savepoint after an error."""
        self._run("rollback to savepoint before_table")


def _was_understood(dsn: str, said: str) -> bool:
    """Say whether libpq got as far as the server's address: before, it quotes the password."""
    _, _, place = dsn.partition("://")
    login, _, _ = place.rpartition("@")
    # With these unescaped, the rest of a password is taken for a host, port or database.
    is_split = any(sign in login for sign in "@/?")
    return not is_split and bool(_ON_THE_WAY.search(said))


_RULES = {"timestamp": "time_clamped", "date": "time_clamped", "numeric": "number_unfit"}


def _misfits(table: RawTable, batch: pa.RecordBatch) -> list[Misfit]:
    found = batch.column("_misfits")
    if found.null_count == len(found):
        return []
    rules = {column.name: _RULES.get(column.type, "") for column in table.columns}
    misfits = []
    keys = batch.column(table.primary_key)
    for index, text in enumerate(found.to_pylist()):
        for name, value in json.loads(text).items() if text else ():
            rule = rules[name] or ("array_nested" if value.startswith("{{") else "array_null")
            misfits.append(Misfit(str(keys[index]), name, rule, value))
    return misfits


def watermark(batch: pa.RecordBatch, column: str, before: datetime | None) -> datetime | None:
    """Return the latest value of a time column so far (aware UTC), or `before`."""
    import pyarrow.compute as pc

    latest = pc.max(batch.column(column)).as_py()
    if latest is None:
        return before
    latest = latest.replace(tzinfo=UTC)
    return latest if before is None or latest > before else before
