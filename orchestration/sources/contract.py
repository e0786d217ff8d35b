"""Every raw table, declared once.

The DDL of the warehouse, the extraction queries, the redaction of personal data and
the contract tests are all derived from `CONTRACT`; the tables themselves stand in
`contract_postgres`, `contract_stripe` and `contract_others`. Nothing here reads a
source or a warehouse.

Units: money is whole minor units (`*_minor`, int64) unless a column says
`numeric`; times are UTC timestamps; durations carry their unit in the name.
"""

from __future__ import annotations

from orchestration.sources.contract_others import JIRA, KNOWLEDGE, TICKETS
from orchestration.sources.contract_postgres import BILLING, CORE, ENGINE
from orchestration.sources.contract_stripe import STRIPE
from orchestration.sources.contract_types import (
    META_COLUMNS,
    UNCLASSIFIED,
    Column,
    ColumnType,
    Pii,
    RawTable,
    with_unclassified,
)

__all__ = [
    "CONTRACT",
    "META_COLUMNS",
    "UNCLASSIFIED",
    "Column",
    "ColumnType",
    "Pii",
    "RawTable",
    "table",
    "tables",
    "with_unclassified",
]

CONTRACT: tuple[RawTable, ...] = (
    *ENGINE,
    *BILLING,
    *CORE,
    *STRIPE,
    *JIRA,
    *KNOWLEDGE,
    *TICKETS,
)


def table(stream: str) -> RawTable:
    """Return the contract of `<source>.<name>`; KeyError names the known streams."""
    for candidate in CONTRACT:
        if candidate.stream == stream:
            return candidate
    known = ", ".join(t.stream for t in CONTRACT)
    raise KeyError(f"no stream {stream!r} in the contract; known streams: {known}")


def tables(source: str) -> tuple[RawTable, ...]:
    """Return the contracts of one source, in declaration order."""
    return tuple(t for t in CONTRACT if t.source == source)
