"""The SQL that reads PostgreSQL: casts, clamps, misfits, key summaries. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from orchestration.sources.contract import Column, ColumnType, RawTable

_TEXTS = frozenset({"text", "varchar", "bpchar", "uuid", "citext", "enum"})

ACCEPTED_TYPES: dict[ColumnType, frozenset[str]] = {
    "string": _TEXTS,
    "int64": frozenset({"int2", "int4", "int8"}),
    "bool": frozenset({"bool"}),
    "timestamp": frozenset({"timestamptz", "timestamp"}),
    "date": frozenset({"date"}),
    "numeric": frozenset({"numeric"}),
    "string_array": frozenset({"_text", "_varchar"}),
    "json": frozenset({"json", "jsonb"}),
}
"""PostgreSQL types (pg_type.typname; `enum` for any enumeration) that a contract type reads."""

_LATEST = "timestamp '9999-12-31 23:59:59.999999'"
_EARLIEST = "timestamp '0001-01-01 00:00:00'"

# A session that holds a transaction id or a snapshot may still commit rows with an older time.
HORIZON = """
select
    extract(epoch from clock_timestamp() - min(xact_start))::float8,
    coalesce(bool_or(state is null), false)
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


def quoted(name: str) -> str:
    """Quote an identifier, part by part when it has a schema."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def literal(text: str) -> str:
    """Quote a text literal (standard_conforming_strings is on since 9.1)."""
    return "'" + text.replace("'", "''") + "'"


def columns_query(tables: Iterable[RawTable]) -> str:
    """Select (relation, column, type name) of the tables that exist and can be read."""
    names = ", ".join(literal(t.source_relation) for t in tables)
    return f"""
select
    n.nspname || '.' || c.relname,
    a.attname::text,
    case when t.typtype = 'e' then 'enum' else t.typname::text end
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
where
    a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and n.nspname || '.' || c.relname in ({names})
    and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
"""


def _moment(column: Column, kind: str) -> str:
    name = quoted(column.name)
    return f"({name} at time zone 'UTC')" if kind == "timestamptz" else name


def _value(column: Column, kind: str) -> str:
    name = quoted(column.name)
    if column.type == "timestamp":
        moment = _moment(column, kind)
        # greatest and least skip NULL; a missing time must stay missing.
        clamped = f"greatest(least({moment}, {_LATEST}), {_EARLIEST})"
        return f"case when {name} is not null then {clamped} end"
    if column.type == "numeric":
        return f"case when not ({_misfit(column, kind)}) then {name}::text end"
    if column.type == "string_array":
        return (
            f"case when coalesce(array_ndims({name}), 1) = 1 "
            f"then array_replace({name}::text[], null, '') end"
        )
    casts = {"int64": "int8", "bool": "bool", "date": "date"}
    return f"{name}::{casts.get(column.type, 'text')}"


def _misfit(column: Column, kind: str) -> str | None:
    """Condition under which the value does not fit; None when every value does."""
    name = quoted(column.name)
    if column.type == "timestamp":
        moment = _moment(column, kind)
        return f"{moment} > {_LATEST} or {moment} < {_EARLIEST}"
    if column.type == "numeric":
        # NaN sorts above every number, infinity too.
        return f"abs({name}) >= 1e29 or min_scale({name}) > 9"
    if column.type == "string_array":
        return (
            f"case when array_ndims({name}) > 1 then true "
            f"else array_position({name}, null) is not null end"
        )
    return None


def rows_query(
    table: RawTable,
    types: Mapping[str, str],
    *,
    since: datetime | None = None,
    keys: Sequence[str] | None = None,
) -> str:
    """Select the landed columns, `_key_hash` and `_misfits` (JSON of column → text, or NULL)."""
    parts = []
    unfit = []
    for column in table.landed_columns:
        kind = types[column.name]
        parts.append(f"{_value(column, kind)} as {quoted(column.name)}")
        if condition := _misfit(column, kind):
            unfit.append((column.name, condition))
    parts.append(f"hashtextextended({quoted(table.primary_key)}::text, 0) as _key_hash")
    parts.append(f"{_misfits(unfit)} as _misfits")
    where = ""
    if since is not None:
        assert table.cursor is not None
        moment = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        zone = "+00" if types[table.cursor] == "timestamptz" else ""
        where = f" where {quoted(table.cursor)} >= {literal(moment + zone)}"
    elif keys is not None:
        listed = ", ".join(map(literal, keys))
        where = f" where {quoted(table.primary_key)}::text in ({listed})"
    return f"select {', '.join(parts)} from {quoted(table.source_relation)}{where}"


def _misfits(unfit: Sequence[tuple[str, str]]) -> str:
    if not unfit:
        return "null::text"
    pairs = ", ".join(
        f"{literal(name)}, case when {condition} then {quoted(name)}::text end"
        for name, condition in unfit
    )
    any_of = " or ".join(f"({condition})" for _, condition in unfit)
    return f"case when {any_of} then jsonb_strip_nulls(jsonb_build_object({pairs}))::text end"


def summary_query(table: RawTable) -> str:
    """Count the rows and sum their keys' hashes; the sum does not depend on any order."""
    key = quoted(table.primary_key)
    return (
        f"select count(*)::int8, coalesce(sum(hashtextextended({key}::text, 0)), 0)::text "
        f"from {quoted(table.source_relation)}"
    )


def keys_query(table: RawTable) -> str:
    """Select every primary key as text."""
    return f"select {quoted(table.primary_key)}::text from {quoted(table.source_relation)}"
