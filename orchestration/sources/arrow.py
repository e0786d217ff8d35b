"""The contract in Arrow: schemas, and JSON objects into typed columns. Reads no source.

Rules for values that do not fit (each leaves a `Misfit`, committed as a quarantine row):

* `nul_stripped`: U+0000 is taken out of a text;
* `time_clamped`: a time outside the years 0001-9999 becomes the nearest one inside;
* `number_unfit`: a decimal that DECIMAL(38, 9) cannot hold exactly becomes NULL;
* `array_null`: a NULL element becomes an empty text (arrays hold no NULL);
* `array_nested`: an array of arrays becomes NULL.

A value of the wrong type, a required value that is missing, or a column that no object
has is a `ContractViolation` naming stream and column.
"""

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
