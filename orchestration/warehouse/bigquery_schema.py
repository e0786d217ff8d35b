"""BigQuery's side of the contract: types, DDL of raw and ops tables. Opens no connection.

Raw tables are partitioned by the day of `_as_of` and clustered by their key: a day's load touches
one partition, the versions of a key lie together. `ops.stream_cursors` is a view of the ledger:
one committed row makes data, ledger and cursor visible, since there is nothing else to write.
"""

from __future__ import annotations

from orchestration.sources.contract import META_COLUMNS, Column, ColumnType, RawTable
from orchestration.warehouse.ops import OPS_TABLES

SQL_TYPES: dict[ColumnType, str] = {
    "string": "STRING",
    "int64": "INT64",
    "bool": "BOOL",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "numeric": "NUMERIC",
    "string_array": "ARRAY<STRING>",
    "json": "STRING",
}

OPS_TYPES = {
    "varchar": "STRING",
    "bigint": "INT64",
    "integer": "INT64",
    "double": "FLOAT64",
    "boolean": "BOOL",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
    "decimal(38, 9)": "NUMERIC",
}

LAYERS = ("raw", "ops", "seeds", "staging", "intermediate", "marts", "metrics", "reporting")
SCRATCH = "scratch"
"""Dataset of what lives for a day: key lists of large comparisons, dbt's temporary tables."""

# By what the ops tables are read; the ones that grow a row a stream and run are partitioned.
_OPS_LAYOUT = {
    "load_ledger": ("as_of", ("stream",)),
    "stream_runs": ("as_of", ("stream",)),
    "quarantine": ("as_of", ("stream",)),
    "reconciliation": ("as_of", ("stream",)),
    "check_results": ("evaluated_at", ("check_id",)),
    "claims": ("as_of", ("claim_id",)),
}

CURSORS = "stream_cursors"


def quoted(name: str) -> str:
    """Quote an identifier as BigQuery does; a back-tick has no place in one."""
    if "`" in name or "\\" in name:
        raise ValueError(f"{name!r} is no identifier")
    return f"`{name}`"


def raw_relation(table: RawTable) -> str:
    """Return `raw.<source>__<name>`, quoted; the client's project completes it."""
    return f"raw.{quoted(table.raw_name)}"


def column_ddl(column: Column, *, required: bool = False) -> str:
    """Return name, type and constraint of one column. Arrays cannot be `not null`."""
    constraint = " not null" if required and column.type != "string_array" else ""
    return f"{quoted(column.name)} {SQL_TYPES[column.type]}{constraint}"


def raw_ddl(table: RawTable) -> str:
    """Return the `create table if not exists` of a raw table."""
    landed = [column_ddl(c, required=c.name == table.primary_key) for c in table.landed_columns]
    meta = [column_ddl(c, required=True) for c in META_COLUMNS]
    return (
        f"create table if not exists {raw_relation(table)} ({', '.join([*landed, *meta])})\n"
        f"partition by timestamp_trunc(_as_of, day)\n"
        f"cluster by {quoted(table.primary_key)}\n"
        f"options (labels = [('pipeline', 'paygo'), ('layer', 'raw')])"
    )


def ops_type(declared: str) -> tuple[str, bool]:
    """Return BigQuery's type of an ops column and whether it is required; KeyError: unknown."""
    kind = declared.removesuffix(" not null")
    return OPS_TYPES[kind], kind != declared


def ops_ddl() -> dict[str, str]:
    """Return the DDL of the ops dataset by name: its tables, then the view of the cursors."""
    statements = {}
    for name, columns in OPS_TABLES.items():
        if name == CURSORS:
            continue
        parts = []
        for column, declared in columns:
            kind, required = ops_type(declared)
            parts.append(f"{quoted(column)} {kind}{' not null' if required else ''}")
        layout = ""
        if name in _OPS_LAYOUT:
            day, cluster = _OPS_LAYOUT[name]
            layout = f"\npartition by timestamp_trunc({day}, day)\ncluster by {', '.join(cluster)}"
        statements[name] = (
            f"create table if not exists ops.{quoted(name)} ({', '.join(parts)}){layout}\n"
            "options (labels = [('pipeline', 'paygo'), ('layer', 'ops')])"
        )
    return {**statements, CURSORS: cursors_ddl()}


def cursors_ddl() -> str:
    """Return the view that says where every stream stands: its last committed load."""
    return (
        f"create or replace view ops.{CURSORS} as\n"
        "select stream, cursor_json, as_of, load_id\n"
        "from ops.load_ledger\n"
        "where true\n"
        "qualify row_number() over (partition by stream order by as_of desc) = 1"
    )
