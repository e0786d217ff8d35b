"""What a claim is: one figure of the page, its query, its evidence and its owner. Types only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Format = Literal[
    "integer",
    "number",
    "signed",
    "percent",
    "age",
    "hours",
    "date",
    "moment",
    "text",
    "series",
    "minor",
]


@dataclass(frozen=True)
class Claim:
    """One figure. Its evidence is a metric's, or that of named streams, or the load ledger's.

    `sentence` says what the value is; `unit` always stands (for text and times: what they
    are); `is_asserted` marks text that no query of a source stands behind, `is_agreed` a level
    that people set.
    """

    claim_id: str
    sentence: str
    sql: str
    unit: str
    format: Format
    owner: str
    metric_id: str = ""
    streams: tuple[str, ...] = ()
    is_asserted: bool = False
    is_agreed: bool = False


@dataclass(frozen=True)
class Wording:
    """A text with a digit in it that is no name: it is shown as a claim."""

    sentence: str
    sql: str
    owner: str
    is_agreed: bool = False


@dataclass(frozen=True)
class Dimensions:
    """Names found in the reporting models, in the order in which the page shows them.

    `metrics`: id → (owner, unit); `facts` and `glossary`: id → (unit, streams); `sources`:
    those that failed or are old; `checks`: (check id, metric id); `stakes`: (detector,
    currency); `debts`, `judged` and `shipped`: node ids; `wordings`: claim id → text with a digit;
    `authored`: claims of the graph as (node id, statement, query, unit, metric it rests on).
    """

    metrics: dict[str, tuple[str, str]] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    weeks: tuple[str, ...] = ()
    detector_kinds: tuple[tuple[str, str], ...] = ()
    stakes: tuple[tuple[str, str], ...] = ()
    combinations: tuple[str, ...] = ()
    graph_cells: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    facts: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    glossary: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    checks: tuple[tuple[str, str], ...] = ()
    incidents: tuple[str, ...] = ()
    debts: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    shipped: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    restated: tuple[str, ...] = ()
    wordings: dict[str, Wording] = field(default_factory=dict)
    has_bad_debt: bool = False
    has_blast_radius: bool = False
    authored: tuple[tuple[str, str, str, str, str], ...] = ()


def quoted(text: str) -> str:
    """Return `text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
