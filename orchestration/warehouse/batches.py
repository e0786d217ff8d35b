"""Whether a batch is what the contract says, before any of it is kept. Writes nothing."""

from __future__ import annotations

import pyarrow as pa

from orchestration.errors import ContractViolation
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import RawTable


def require_contract(data: pa.Table, table: RawTable, *, is_strict: bool) -> None:
    """Raise ContractViolation for a column that is missing, of another type, or without a value.

    `is_strict` asks for a value in every required column, and not in the primary key alone.
    """
    for wanted in landed_schema(table):
        where = f"{table.stream}: column {wanted.name!r}"
        if wanted.name not in data.column_names:
            raise ContractViolation(f"{where} is missing", tried="staging a batch")
        found = data.schema.field(wanted.name)
        if found.type != wanted.type:
            raise ContractViolation(f"{where} is {found.type}, the contract says {wanted.type}")
        required = wanted.name == table.primary_key or (is_strict and not wanted.nullable)
        if required and (count := data.column(wanted.name).null_count):
            raise ContractViolation(
                f"{where} has no value in {count} of {data.num_rows} rows",
                todo="look at the source: the contract requires a value",
            )
