"""Batches as the driver gives them become rows of the contract; odd ones are set aside.

What PostgreSQL holds and a column cannot is rare, and looking for it in SQL costs every row.
Here whole columns are looked at; rows with such a value are left out and named, so that the
caller reads them again with the query that treats each by its rule. Nothing is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.errors import ContractViolation
from orchestration.sources.arrow import ARROW_TYPES
from orchestration.sources.contract import Column, RawTable
from orchestration.sources.misfits import MAX_TIME, MIN_TIME, unfit_decimal
from orchestration.sources.postgres_sql import ADDITIONAL

# The driver adds 30 years to infinity and so lands before the year 1: outside all the same.
_TIMES = pa.scalar(MIN_TIME, pa.timestamp("us")), pa.scalar(MAX_TIME, pa.timestamp("us"))
_DATES = pa.scalar(MIN_TIME.date(), pa.date32()), pa.scalar(MAX_TIME.date(), pa.date32())
_BOUNDS = {
    "timestamp": tuple(b.cast(pa.int64()).as_py() for b in _TIMES),
    "date": tuple(b.cast(pa.int32()).as_py() for b in _DATES),
}


def plain_rows(table: RawTable, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[str]]:
    """Return the rows in which every value fits, typed, and the keys of the others."""
    numbers = {c.name: _decimals(batch.column(c.name)) for c in _numeric(table)}
    odd = _odd_rows(table, batch, numbers)
    keys: list[str] = []
    if odd is not None:
        keys = [str(k) for k in batch.column(table.primary_key).filter(odd).to_pylist()]
        batch = batch.filter(pc.invert(odd))
        numbers = {}
    arrays = [
        _typed(table, c, batch) if (n := numbers.get(c.name)) is None else n
        for c in table.landed_columns
    ]
    names = [c.name for c in table.landed_columns]
    # What stands beside the contract's columns is passed on.
    beside = [n for n in batch.schema.names if n == "_key_hash" or n.startswith(ADDITIONAL)]
    arrays += [batch.column(n) for n in beside]
    return pa.RecordBatch.from_arrays(arrays, names=[*names, *beside]), keys


def _typed(table: RawTable, column: Column, batch: pa.RecordBatch) -> pa.Array:
    array = batch.column(column.name)
    if column.type == "timestamp":
        # Dropping the zone of a UTC time is a change of name, not of value.
        return array.view(pa.int64()).view(pa.timestamp("us"))
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if column.type == "numeric":
        # Zeros at the end are digits to Arrow, and may be more than fit.
        array = pc.replace_substring_regex(array, r"(\.[0-9]*?)0+$", r"\1")
    return cast(table, column, array, batch.column(table.primary_key))


def cast(table: RawTable, column: Column, array: pa.Array, keys: pa.Array) -> pa.Array:
    """Cast a column to the contract's type; ContractViolation names the row that cannot be."""
    kind = ARROW_TYPES[column.type]
    try:
        return array.cast(kind)
    except pa.ArrowInvalid as error:
        at = next(n for n in range(len(array)) if not _is_castable(array.slice(n, 1), kind))
        raise ContractViolation(
            f"{table.stream}: column {column.name!r} of row {keys[at]} cannot be read as "
            f"{column.type}: {error}",
            todo="look at the row in the source: none of its values' rules covers it",
        ) from error


def _is_castable(array: pa.Array, kind: pa.DataType) -> bool:
    try:
        array.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _numeric(table: RawTable) -> list[Column]:
    return [c for c in table.landed_columns if c.type == "numeric"]


def _decimals(array: pa.Array) -> pa.Array | None:
    """Return the numbers as decimals; None when one of them is none that the column holds."""
    text = array.storage if isinstance(array, pa.ExtensionArray) else array
    try:
        return text.cast(ARROW_TYPES["numeric"])
    except pa.ArrowInvalid:
        return None


def _odd_rows(
    table: RawTable, batch: pa.RecordBatch, numbers: Mapping[str, pa.Array | None]
) -> pa.Array | None:
    """Return which rows have a value that no column can hold; None when there is none."""
    odd = batch.column("_nested") if "_nested" in batch.schema.names else None
    if odd is not None:
        odd = pc.fill_null(odd, False) if pc.any(odd).as_py() else None
    for column in table.landed_columns:
        array = batch.column(column.name)
        found = None
        if column.type in _BOUNDS:
            found = _outside(array, *_BOUNDS[column.type])
        elif column.type == "string_array":
            found = _with_null_elements(array)
        elif column.type == "numeric" and numbers[column.name] is None:
            found = _unfit(array)
        if found is not None:
            odd = found if odd is None else pc.or_(odd, found)
    return odd


def _outside(array: pa.Array, low: int, high: int) -> pa.Array | None:
    numbers = array.view(pa.int64() if pa.types.is_timestamp(array.type) else pa.int32())
    ends = pc.min_max(numbers)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    if least is None or (least >= low and most <= high):
        return None
    return pc.fill_null(pc.or_(pc.less(numbers, low), pc.greater(numbers, high)), False)


def _with_null_elements(array: pa.Array) -> pa.Array | None:
    elements = array.flatten()
    if not elements.null_count:
        return None
    rows = set(pc.list_parent_indices(array).filter(pc.is_null(elements)).to_pylist())
    return pa.array([i in rows for i in range(len(array))], pa.bool_())


def _unfit(array: pa.Array) -> pa.Array:
    text = array.storage if isinstance(array, pa.ExtensionArray) else array
    values = text.to_pylist()
    return pa.array([v is not None and unfit_decimal(Decimal(v)) for v in values], pa.bool_())
