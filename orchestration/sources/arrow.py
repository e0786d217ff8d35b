"""The contract in Arrow: types and schemas of the landed columns. Reads no source."""

from __future__ import annotations

import pyarrow as pa

from orchestration.sources.contract import ColumnType, RawTable

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "numeric": pa.decimal128(38, 9),
    "string_array": pa.list_(pa.string()),
    "json": pa.string(),
}


def landed_schema(table: RawTable) -> pa.Schema:
    """Return the Arrow schema of a stream's landed columns (times in UTC, without zone)."""
    return pa.schema(
        [pa.field(c.name, ARROW_TYPES[c.type], nullable=c.nullable) for c in table.landed_columns]
    )
