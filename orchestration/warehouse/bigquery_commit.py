"""The SQL and the schemas by which rows become visible in BigQuery. Runs nothing itself."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery

from orchestration.clock import iso
from orchestration.sources.contract import CONTRACT, META_COLUMNS, RawTable
from orchestration.warehouse import ledger
from orchestration.warehouse.bigquery_schema import SQL_TYPES, ops_type, quoted, raw_relation
from orchestration.warehouse.ops import OPS_TABLES, ops_columns

LEFTOVERS = "the raw table does not hold what this load brought"


def commit_script(
    table: RawTable,
    entry: Mapping[str, Any],
    ops: Mapping[str, list[dict[str, Any]]],
    aside: Mapping[str, str] | None = None,
) -> tuple[str, dict[str, object]]:
    """Return the transaction that makes a load visible, and its parameters.

    `aside`: ops tables whose rows are too many for a request, and the table whose column `key`
    holds each as JSON.
    It holds the load against what really stands in the table, and the stream against the ledger:
    what is there twice, in half, or overtaken by another run can never become visible.
    """
    relation = raw_relation(table)
    params: dict[str, object] = {
        "load": entry["load_id"],
        "as_of": entry["as_of"],
        "stream": table.stream,
        "expected": entry["rows_appended"] + entry["rows_deleted"],
        "entry": as_json([entry]),
    }
    aside = aside or {}
    inserts = []
    for number, (name, rows) in enumerate(ops.items()):
        if rows:
            if name in aside:
                source = f"(select key as n from {aside[name]}) as listed"
            else:
                params[f"rows{number}"] = as_json(rows)
                source = listed(f"@rows{number}")
            inserts.append(insert_rows(name, source, once=ledger.WRITTEN_ONCE.get(name)))
    parts = [
        "begin transaction",
        f"assert (select count(*) from {relation} where _as_of = @as_of and _load_id = @load) "
        f"= @expected as '{LEFTOVERS}'",
        "assert not exists (select 1 from ops.load_ledger where stream = @stream "
        "and as_of > @as_of) as 'another run has read this stream further'",
        *inserts,
        insert_rows("load_ledger", listed("@entry"), once=("load_id",)),
        "commit transaction",
    ]
    return ";\n".join(parts), params


def forget_script() -> str:
    """Return the deletion of all raw rows whose load the ledger does not hold."""
    return ";\n".join(
        f"delete from {raw_relation(t)} where not " + ledger.is_committed(f"'{t.stream}'")
        for t in CONTRACT
    )


def load_schema(table: RawTable) -> list[bigquery.SchemaField]:
    """Return the explicit schema of a load job, as the DDL has it."""
    fields = []
    for column in (*table.landed_columns, *META_COLUMNS):
        if column.type == "string_array":
            fields.append(bigquery.SchemaField(column.name, "STRING", "REPEATED"))
            continue
        required = column in META_COLUMNS or column.name == table.primary_key
        mode = "REQUIRED" if required else "NULLABLE"
        fields.append(bigquery.SchemaField(column.name, SQL_TYPES[column.type], mode))
    return fields


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value if value.tzinfo else ledger.aware_utc(value))
    if isinstance(value, date | Decimal):
        return str(value)
    return value


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as the JSON array that `insert_rows` takes apart again."""
    plain = [{name: _json_value(value) for name, value in row.items()} for row in rows]
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _column(table: str, name: str) -> str:
    kind, _ = ops_type(dict(OPS_TABLES[table])[name])
    text = f"json_value(n, '$.{name}')"
    return text if kind == "STRING" else f"cast({text} as {kind})"


def same_column(table: str, name: str) -> str:
    """Return the condition that row `o` of an ops table and JSON row `n` agree in a column."""
    return f"o.{quoted(name)} is not distinct from {_column(table, name)}"


def listed(parameter: str) -> str:
    """Return the relation `n` of the rows in a parameter that `as_json` has written."""
    return f"unnest(json_query_array({parameter})) as n"


def insert_rows(table: str, source: str, *, once: Sequence[str] | None = None) -> str:
    """Return an insert of rows from a relation of JSON texts `n`.

    With `once`, of those alone that do not stand there yet.
    """
    names = ops_columns(table)
    values = ", ".join(f"{_column(table, name)} as {quoted(name)}" for name in names)
    sql = (
        f"insert into ops.{quoted(table)} ({', '.join(map(quoted, names))}) "
        f"select {values} from {source}"
    )
    if once:
        same = " and ".join(same_column(table, name) for name in once)
        sql += f" where not exists (select 1 from ops.{quoted(table)} as o where {same})"
    return sql


def load_job(load: str, content: str) -> str:
    """Return the id of a load job: the same load of the same content, the same id."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"paygo-load-{load}-{digest}"


def unique() -> str:
    """Return what tells one attempt from the next."""
    return uuid.uuid4().hex[:8]
