"""What a day on BigQuery costs, computed from bytes: `python -m tests.bigquery.cost --home H`.

Takes a finished embedded warehouse, counts each table's logical bytes by BigQuery's rules, follows
every model, test and view to the tables it reads, and scales by accounts. An upper bound: every
column of every table read counts, and nothing is pruned by partition or cluster.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

TIB = 1024**4
DOLLARS_PER_TIB = 6.25
DOLLARS_PER_GIB_MONTH = 0.02
SMALLEST = 10 * 1024**2
"""On demand, a query counts at least 10 MB for each table it reads."""

# https://cloud.google.com/bigquery/pricing#data: bytes of a value by type.
FIXED = {
    "BIGINT": 8, "INTEGER": 8, "HUGEINT": 16, "DOUBLE": 8, "BOOLEAN": 1, "DATE": 8,
    "TIMESTAMP": 8, "TIMESTAMP WITH TIME ZONE": 8, "DECIMAL": 16,
}  # fmt: skip


def size_sql(name: str, kind: str) -> str:
    """Return the expression of one column's logical bytes."""
    quoted = f'"{name}"'
    if kind.endswith("[]"):
        return f"coalesce(sum(list_sum(list_transform({quoted}, lambda v: strlen(v) + 2))), 0)"
    fixed = FIXED.get(kind.split("(")[0])
    if fixed:
        return f"count({quoted}) * {fixed}"
    return f"coalesce(sum(strlen({quoted}::varchar) + 2), 0)"


def table_bytes(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the logical bytes of every table, by `schema.name`."""
    columns: dict[str, list[str]] = {}
    for schema, name, column, kind in connection.execute(
        "select c.table_schema, c.table_name, c.column_name, c.data_type "
        "from information_schema.columns c join information_schema.tables t "
        "using (table_schema, table_name) where t.table_type = 'BASE TABLE'"
    ).fetchall():
        columns.setdefault(f"{schema}.{name}", []).append(size_sql(column, kind))
    found = {}
    for relation, parts in columns.items():
        row = connection.execute(f"select {' + '.join(parts)} from {relation}").fetchone()
        found[relation] = int(row[0] or 0) if row else 0
    return found


def scanned(manifest: dict[str, Any], sizes: dict[str, int], factor: float) -> dict[str, float]:
    """Return the bytes that each kind of dbt node reads in a build, at `factor` times the size."""
    nodes = {**manifest["nodes"], **manifest["sources"]}

    def relation(node: dict[str, Any]) -> str:
        return f"{node['schema']}.{node.get('identifier') or node.get('alias') or node['name']}"

    @cache
    def reads(unique_id: str) -> frozenset[str]:
        """Tables that a query on this node scans: itself, or what lies under a view."""
        node = nodes[unique_id]
        if relation(node) in sizes:
            return frozenset({relation(node)})
        under = node.get("depends_on", {}).get("nodes", [])
        return frozenset().union(*(reads(i) for i in under)) if under else frozenset()

    total: dict[str, float] = {}
    for node in manifest["nodes"].values():
        kind = node["resource_type"]
        is_query = kind == "test" or (kind == "model" and relation(node) in sizes)
        if not is_query:
            continue
        tables = frozenset().union(*(reads(i) for i in node["depends_on"]["nodes"]))
        total[kind] = total.get(kind, 0) + sum(
            max(sizes[name] * factor, SMALLEST) for name in tables
        )
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".paygo"))
    parser.add_argument("--accounts", type=int, default=4_000_000)
    chosen = parser.parse_args()
    manifest = json.loads((chosen.home / "dbt/target/manifest.json").read_text())
    with duckdb.connect(str(chosen.home / "warehouse.duckdb"), read_only=True) as connection:
        sizes = table_bytes(connection)
        row = connection.execute(
            "select count(distinct account_id) from raw.engine__subs_account"
        ).fetchone()
    accounts = int(row[0]) if row else 1
    factor = chosen.accounts / accounts
    reads = scanned(manifest, sizes, factor)
    stored = sum(sizes.values()) * factor / 1024**3
    raw = sum(v for k, v in sizes.items() if k.startswith("raw.")) * factor / 1024**3
    day = sum(reads.values()) / TIB
    print(f"measured on {accounts} accounts, scaled to {chosen.accounts}")
    for kind, found in sorted(reads.items()):
        print(
            f"{kind}s read {found / TIB:.3f} TiB a build: {found / TIB * DOLLARS_PER_TIB:.2f} USD"
        )
    print(f"a day: {day:.3f} TiB, {day * DOLLARS_PER_TIB:.2f} USD on demand")
    monthly = stored * DOLLARS_PER_GIB_MONTH
    print(f"stored: {stored:.1f} GiB (raw {raw:.1f}), {monthly:.2f} USD a month")


if __name__ == "__main__":
    main()
