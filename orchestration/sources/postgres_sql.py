"""The SQL that reads PostgreSQL: casts, clamps, misfits, key summaries. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from orchestration.sources.contract import Column, ColumnType, RawTable

_TEXTS = frozenset(
    {"text", "varchar", "bpchar", "uuid", "citext", "enum", "time", "timetz", "interval"}
)

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
_LAST_DAY, _FIRST_DAY = "date '9999-12-31'", "date '0001-01-01'"

# A session that holds a transaction id or a snapshot may still commit rows with an older time.
# Asked before the snapshot is taken: one that commits in between is in neither otherwise.
HORIZON = """
select
    extract(epoch from clock_timestamp() - min(xact_start))::float8,
    coalesce(bool_or(state is null), false)
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""


# Asked before the snapshot is taken, so that the answer is never newer than what is read. A
# standby that has replayed all it was sent knows more than the last commit: when the primary
# last wrote to it.
REPLAYED = """
select
    pg_is_in_recovery(),
    extract(epoch from case
        when r.status = 'streaming' and r.latest_end_lsn <= pg_last_wal_replay_lsn()
            then greatest(pg_last_xact_replay_timestamp(), r.last_msg_send_time)
        else pg_last_xact_replay_timestamp()
    end)::float8
from (select 1) as one
left join pg_stat_wal_receiver r on pg_is_in_recovery()
"""

# The oldest transaction of a primary that may still commit, by number: all that a standby knows.
OPEN_TRANSACTION = """
select case when pg_snapshot_xmin(s) < pg_snapshot_xmax(s) then pg_snapshot_xmin(s)::text end
from pg_current_snapshot() as s
"""

ADDITIONAL = "_additional_"
"""Beginning of the names of columns that the contract does not know, in what is read."""


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
        return f"case when not ({_misfit(column, kind)}) then trim_scale({name})::text end"
    if column.type == "string_array":
        return (
            f"case when coalesce(array_ndims({name}), 1) = 1 "
            f"then array_replace({name}::text[], null, '') end"
        )
    if column.type == "date":
        clamped = f"greatest(least({name}, {_LAST_DAY}), {_FIRST_DAY})"
        return f"case when {name} is not null then {clamped} end"
    casts = {"int64": "int8", "bool": "bool"}
    return f"{name}::{casts.get(column.type, 'text')}"


def _misfit(column: Column, kind: str) -> str | None:
    """Condition under which the value does not fit; None when every value does."""
    name = quoted(column.name)
    if column.type == "timestamp":
        moment = _moment(column, kind)
        return f"{moment} > {_LATEST} or {moment} < {_EARLIEST}"
    if column.type == "date":
        return f"{name} > {_LAST_DAY} or {name} < {_FIRST_DAY}"
    if column.type == "numeric":
        # NaN sorts above every number, infinity too.
        return f"abs({name}) >= 1e29 or min_scale({name}) > 9"
    if column.type == "string_array":
        return (
            f"case when array_ndims({name}) > 1 then true "
            f"else array_position({name}, null) is not null end"
        )
    return None


def plain_query(
    table: RawTable,
    types: Mapping[str, str],
    *,
    since: datetime | None = None,
    additional: Sequence[str] = (),
) -> str:
    """Select the landed columns as they are, `_key_hash`, and whether an array is `_nested`.

    `additional` columns come as text, named `_additional_0` and so on.

    Nothing is clamped and nothing looked for, which costs more than the copy itself: what
    does not fit is found in the batches and read again with `rows_query`.
    """
    parts = [_plain(column, types[column.name]) for column in table.landed_columns]
    parts.append(f"hashtextextended({quoted(table.primary_key)}::text, 0) as _key_hash")
    parts += _additional(additional)
    arrays = [quoted(c.name) for c in table.landed_columns if c.type == "string_array"]
    if arrays:
        # The driver flattens them, so that the batch no longer shows it.
        parts.append(" or ".join(f"array_ndims({a}) > 1" for a in arrays) + " as _nested")
    where = _since(table, types, since) if since is not None else ""
    return f"select {', '.join(parts)} from {quoted(table.source_relation)}{where}"


_AS_IT_IS = {"text", "varchar", "int8", "bool", "timestamp", "timestamptz", "date", "numeric",
             "_text"}  # fmt: skip


def _plain(column: Column, kind: str) -> str:
    name = quoted(column.name)
    if kind in _AS_IT_IS:
        return name
    casts = {"int64": "int8", "string_array": "text[]"}
    return f"{name}::{casts.get(column.type, 'text')} as {name}"


def _additional(names: Sequence[str]) -> list[str]:
    return [f"{quoted(name)}::text as {ADDITIONAL}{n}" for n, name in enumerate(names)]


def _since(table: RawTable, types: Mapping[str, str], since: datetime) -> str:
    assert table.cursor is not None
    # Not strftime, which writes a year before 1000 with fewer than four digits.
    moment = since.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    zone = "+00" if types[table.cursor] == "timestamptz" else ""
    return f" where {quoted(table.cursor)} >= {literal(moment + zone)}"


def rows_query(
    table: RawTable,
    types: Mapping[str, str],
    keys: Sequence[str],
    additional: Sequence[str] = (),
) -> str:
    """Select rows by key, every value by its rule.

    Columns: the landed ones, `_key_hash`, `_misfits` (JSON of column → text, or NULL), and
    the `additional` ones as `plain_query` has them.
    """
    parts = []
    unfit = []
    for column in table.landed_columns:
        kind = types[column.name]
        parts.append(f"{_value(column, kind)} as {quoted(column.name)}")
        if condition := _misfit(column, kind):
            unfit.append((column.name, condition))
    parts.append(f"hashtextextended({quoted(table.primary_key)}::text, 0) as _key_hash")
    parts.append(f"{_misfits(unfit)} as _misfits")
    parts += _additional(additional)
    # Without a cast of the column, so that its index serves, whatever its type.
    where = f" where {quoted(table.primary_key)} in ({', '.join(map(literal, keys))})"
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


def unique_query(relation: str, key: str) -> str:
    """Select whether a unique index guarantees that no key comes twice.

    That of a partitioned table covers its partitions; children by INHERITS have their own rows.
    """
    return f"""
select count(*) > 0
from pg_index i
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where
    i.indrelid = {literal(quoted(relation))}::regclass and a.attname = {literal(key)}
    and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null
    and not exists (
        select 1 from pg_inherits h join pg_class c on c.oid = h.inhparent
        where h.inhparent = i.indrelid and c.relkind <> 'p'
    )
"""


def summary_query(table: RawTable, *, all_fit: bool = False) -> str:
    """Count the rows, sum their keys' hashes and their money; sums depend on no order.

    `all_fit`: every row of this snapshot was read and no number was a misfit, so none is
    looked for (a fifth of the query's time).
    """
    key = quoted(table.primary_key)
    sums = "".join(f", {_sum(table.column(name), all_fit)}" for name in table.money_columns)
    return (
        f"select count(*)::int8, coalesce(sum(hashtextextended({key}::text, 0)), 0)::text{sums} "
        f"from {quoted(table.source_relation)}"
    )


def _sum(column: Column, all_fit: bool) -> str:
    # What a rule turns into NULL adds nothing on the other side either.
    misfit = None if all_fit else _misfit(column, "")
    only = f" filter (where not ({misfit}))" if misfit else ""
    return f"coalesce(sum({quoted(column.name)}){only}, 0)::text"


def keys_query(table: RawTable) -> str:
    """Select every primary key as text."""
    return f"select {quoted(table.primary_key)}::text from {quoted(table.source_relation)}"
