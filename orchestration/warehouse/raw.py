"""DuckDB's side of the contract: raw DDL and the canonical row hash. Opens no connection.

The canonical hash of a row is 60 bits of the MD5 of its landed columns in contract order: a number
of eight bytes on every engine, held only against the last hash of the same key. First comes the
number whose bits say which columns have no value, then, each after a character
zero (no landed text holds one), the values: texts as they are, arrays as JSON, times as
microseconds since 1970 in hexadecimal, numbers and truth values as their SQL text. It depends
neither on the order of arrival nor on file bytes.
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
    """What is hashed of a column that has a value."""
    name = quoted(column.name)
    if column.type in ("string", "json"):
        return name
    if column.type == "string_array":
        return f"to_json({name})::varchar"
    if column.type == "timestamp":
        return f"to_hex(epoch_us({name}))"
    return f"{name}::varchar"


def row_hash_sql(table: RawTable) -> str:
    """Return the expression (bigint) of the canonical row hash (see the module's docstring)."""
    columns = [c for c in table.landed_columns if c.name != UNCLASSIFIED]
    missing = [
        f"case when {quoted(c.name)} is null then {1 << place} else 0 end"
        for place, c in enumerate(columns)
        if c.name != table.primary_key
    ]
    parts = [f"({' + '.join(missing) or '0'})"]
    for column in columns:
        parts += ["chr(0)", _hashed(column)]
    if len(columns) < len(table.landed_columns):
        # Left out where it is null: such rows hash as if the column were not there.
        parts.append(f"chr(0) || {quoted(UNCLASSIFIED)}")
    # Through its text: the engine's function that returns a number takes four times as long.
    return f"('0x' || left(md5(concat({', '.join(parts)})), 15))::bigint"


def contract_fingerprint(table: RawTable) -> str:
    """Hash what decides a load's content: columns, types, privacy classes, paths, redactions."""
    # What a source has beside the contract changes no load's identity.
    columns = [c for c in table.columns if c.name != UNCLASSIFIED]
    shape = [(c.name, c.type, c.nullable, c.pii, c.path) for c in columns]
    paths = table.redacted_paths + table.kept_paths
    text = repr((table.stream, table.primary_key, shape, paths))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
