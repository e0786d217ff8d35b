"""DuckDB's side of the contract: raw DDL and the canonical row hash. Opens no connection.

The canonical hash of a row is the MD5 of its landed columns in contract order, joined by `|`.
A text is its length in bytes and itself, so that no two different rows share what is hashed;
-1 stands for a missing one. Arrays are JSON, and treated as texts. Times are microseconds since
1970, numbers and truth values their SQL text, `~` when missing. It depends neither on the order
of arrival nor on file bytes.
"""

from __future__ import annotations

import hashlib

from orchestration.sources.contract import (
    META_COLUMNS,
    UNCLASSIFIED,
    Column,
    ColumnType,
    RawTable,
)

SQL_TYPES: dict[ColumnType, str] = {
    "string": "varchar",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "numeric": "decimal(38, 9)",
    "string_array": "varchar[]",
    "json": "varchar",
}


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def raw_relation(table: RawTable) -> str:
    """Return `raw.<source>__<name>`, quoted."""
    return f"raw.{quoted(table.raw_name)}"


def column_ddl(column: Column) -> str:
    """Return name and type of one column.

    Only keys and meta columns are `not null` in the engine: that a required value is there
    is checked when a row is staged, where the message can name the stream.
    """
    return f"{quoted(column.name)} {SQL_TYPES[column.type]}"


def raw_ddl(table: RawTable) -> str:
    """Return the `create table if not exists` of a raw table."""
    landed = [
        column_ddl(c) + (" not null" if c.name == table.primary_key else "")
        for c in table.landed_columns
    ]
    meta = [column_ddl(c) + " not null" for c in META_COLUMNS]
    return f"create table if not exists {raw_relation(table)} ({', '.join([*landed, *meta])})"


def unclassified_ddl(table: RawTable) -> str:
    """Return the statement that gives a raw table its column of unclassified values."""
    return (
        f"alter table {raw_relation(table)} add column if not exists {quoted(UNCLASSIFIED)} varchar"
    )


def _hashed(column: Column) -> str:
    """What is hashed of a column: nothing else that a row may hold gives the same characters."""
    name = quoted(column.name)
    if column.type in ("string", "json"):
        text = name
    elif column.type == "string_array":
        text = f"to_json({name})::varchar"
    else:
        number = f"epoch_us({name})" if column.type == "timestamp" else name
        return f"coalesce({number}::varchar, '~')"
    if column.name == UNCLASSIFIED:
        # Left out where it is null: such rows hash as if the column were not there.
        return f"strlen({text}), {text}"
    # The function leaves a null out itself; its length says that it did.
    return f"coalesce(strlen({text}), -1), {text}"


def row_hash_sql(table: RawTable) -> str:
    """Return the expression of the canonical row hash (see the module's docstring)."""
    return f"md5(concat_ws('|', {', '.join(map(_hashed, table.landed_columns))}))"


def contract_fingerprint(table: RawTable) -> str:
    """Hash what decides a load's content: columns, types, privacy classes, paths, redactions."""
    shape = [(c.name, c.type, c.nullable, c.pii, c.path) for c in table.columns]
    text = repr((table.stream, table.primary_key, shape, table.redacted_paths))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
