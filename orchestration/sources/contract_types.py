"""The vocabulary of the contract: columns, raw tables, and how one is written down.

No table is declared here; see `contract`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

ColumnType = Literal[
    "string", "int64", "bool", "timestamp", "date", "numeric", "string_array", "json"
]

Pii = Literal["none", "drop", "hash", "redact_text", "redact_paths"]
"""What happens to a column before it lands.

none          lands as it is: holds no personal data
drop          never lands
hash          lands as a keyed hash (joins still work, the value is gone)
redact_text   free text: addresses, card numbers and the like are masked by pattern
redact_paths  a JSON body: the paths of `RawTable.redacted_paths` are removed; where there are
              `RawTable.kept_paths`, only these stay
"""


@dataclass(frozen=True)
class Column:
    """One typed column of a raw table; `path` is where it stands in the source's JSON."""

    name: str
    type: ColumnType
    nullable: bool = True
    pii: Pii = "none"
    path: str | None = None
    description: str = ""


@dataclass(frozen=True)
class RawTable:
    """One stream: a table, endpoint or compiled file set that lands as one raw table."""

    source: str
    name: str
    entities: str
    """Plural noun of the staging view: `stg_<source>__<entities>`."""
    primary_key: str
    columns: tuple[Column, ...]
    cursor: str | None = None
    """Column that moves forward when a row changes; None: swept as a whole."""
    source_relation: str = ""
    """PostgreSQL `schema.table`, Stripe list path, or Jira resource."""
    redacted_paths: tuple[str, ...] = field(default=())
    kept_paths: tuple[str, ...] = field(default=())
    sweep_days: int = 0
    """A list without reliable events is swept when its last sweep is this many days old."""

    @property
    def stream(self) -> str:
        """Name of the stream in ledgers, freshness and messages: `<source>.<name>`."""
        return f"{self.source}.{self.name}"

    @property
    def raw_name(self) -> str:
        """Name of the table in the warehouse's `raw` schema."""
        return f"{self.source}__{self.name}"

    @property
    def landed_columns(self) -> tuple[Column, ...]:
        """Columns that exist in the warehouse (those dropped for privacy do not)."""
        return tuple(c for c in self.columns if c.pii != "drop")

    @property
    def money_columns(self) -> tuple[str, ...]:
        """Columns that are summed when source and warehouse are compared: minor units, amounts."""
        return tuple(
            c.name
            for c in self.landed_columns
            if c.type == "numeric" or (c.type == "int64" and c.name.endswith("_minor"))
        )

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.stream} has no column {name!r} in its contract")


UNCLASSIFIED = "_unclassified"
"""Raw column of what a source has and the contract does not know: JSON by column name.

It exists where such a column was met, and is no part of the contract. Texts in it are keyed
hashes until the contract says what they are.
"""


def with_unclassified(table: RawTable) -> RawTable:
    """Return the table with the column of unclassified values behind its own."""
    return replace(table, columns=(*table.columns, Column(UNCLASSIFIED, "json")))


def key(name: str, path: str | None = None) -> Column:
    """Declare a required text that names a row, or the row of another table."""
    return Column(name, "string", nullable=False, path=path)


def text(name: str, path: str | None = None, *, required: bool = False) -> Column:
    """Declare a text."""
    return Column(name, "string", nullable=not required, path=path)


def integer(name: str, path: str | None = None, *, required: bool = False) -> Column:
    """Declare a 64-bit whole number."""
    return Column(name, "int64", nullable=not required, path=path)


def time(name: str, path: str | None = None, *, required: bool = False) -> Column:
    """Declare a UTC timestamp."""
    return Column(name, "timestamp", nullable=not required, path=path)


def boolean(name: str, path: str | None = None) -> Column:
    """Declare a truth value."""
    return Column(name, "bool", path=path)


def payload() -> Column:
    """The raw JSON body, personal data removed by path."""
    return Column("payload", "json", nullable=False, pii="redact_paths", path="")


UPDATED = time("updated_at", required=True)
CREATED = time("created_at", required=True)


def postgres_table(
    source: str,
    name: str,
    entities: str,
    primary_key: str,
    *columns: Column,
    schema: str = "public",
) -> RawTable:
    """Declare a PostgreSQL table that moves by `updated_at`."""
    return RawTable(
        source=source,
        name=name,
        entities=entities,
        primary_key=primary_key,
        columns=columns,
        cursor="updated_at",
        source_relation=f"{schema}.{name}",
    )


def stripe_list(
    name: str,
    primary_key: str,
    path: str,
    *columns: Column,
    redacted: tuple[str, ...] = (),
    kept: tuple[str, ...] = (),
    sweep_days: int = 0,
) -> RawTable:
    return RawTable(
        source="stripe",
        name=name,
        entities=name,
        primary_key=primary_key,
        columns=columns,
        source_relation=path,
        redacted_paths=redacted,
        kept_paths=kept,
        sweep_days=sweep_days,
    )


META_COLUMNS: tuple[Column, ...] = (
    Column(
        "_as_of",
        "timestamp",
        nullable=False,
        description="Horizon of the read that saw this row version.",
    ),
    Column(
        "_load_id",
        "string",
        nullable=False,
        description="Load that brought it; shown only when the ledger has committed it.",
    ),
    Column(
        "_row_hash",
        "int64",
        nullable=False,
        description="Canonical hash of the landed columns: 60 bits of their MD5.",
    ),
    Column(
        "_is_deleted",
        "bool",
        nullable=False,
        description="True for a tombstone: the source no longer has the row.",
    ),
)
