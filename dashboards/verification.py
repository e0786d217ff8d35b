"""Executes queries of claims and proves a stored edition again.

Belongs here: running one query to one exact value, comparing it with what was stored, saying
which claims rest on old evidence. Does not: which claims there are, or how they look.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import pyarrow as pa

from dashboards.format import canonical
from orchestration.warehouse.base import Warehouse

_KEY = re.compile(r"\b(?:[rsp]k|whsec)_[\w*]+")


class Queries(Protocol):
    """What a claim's query runs on: a warehouse, or a snapshot of its reporting models."""

    def query(self, sql: str) -> pa.Table:
        """Run one select and return its rows."""
        ...


@dataclass(frozen=True)
class VerifyReport:
    """Outcome of executing the stored edition's queries again.

    reproduced + differs + broken = claims. `stale` names those, among them, that rest on
    old evidence, or whose sources were read again after the edition was made;
    `within_tolerance` those reproduced that are not exactly equal.
    """

    edition_id: str
    claims: int
    reproduced: int
    differs: list[dict[str, Any]] = field(default_factory=list)
    broken: list[dict[str, Any]] = field(default_factory=list)
    stale: list[dict[str, Any]] = field(default_factory=list)
    within_tolerance: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what `paygo verify --json` prints."""
        return asdict(self)

    @property
    def holds(self) -> bool:
        """True when every claim was reproduced, exactly or within its tolerance."""
        return self.claims > 0 and self.reproduced == self.claims


def hash_of(text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def exact(value: object, error: str) -> tuple[str | None, str]:
    """Return the value's exact text, or None and why there is none."""
    try:
        return (None if error else canonical(value)), error
    except TypeError as problem:
        return None, str(problem)


def run_query(source: Queries, sql: str) -> tuple[object, str]:
    """Return (value, "") or (None, why not). No row at all is a missing value, not an error."""
    try:
        table = source.query(sql)
    except Exception as problem:  # each engine has its own error types; all mean: broken
        return None, str(problem).strip().splitlines()[0]
    if table.num_columns != 1 or table.num_rows > 1:
        return None, f"yields {table.num_rows} rows of {table.num_columns} columns, not one value"
    value = table.column(0)[0].as_py() if table.num_rows else None
    return (without_keys(value) if isinstance(value, str) else value), ""


def without_keys(text: str) -> str:
    """Blank what looks like a key, masked or not: sources quote it in what they refuse."""
    return _KEY.sub("(key)", text)


def latest_edition(warehouse: Warehouse) -> str | None:
    """Return the id of the edition written last; None before the first."""
    rows = warehouse.rows(
        "select edition_id from ops.editions\n"
        "order by created_at desc, as_of desc, edition_id limit 1"
    )
    return str(rows[0]["edition_id"]) if rows else None


def verify(
    warehouse: Warehouse, *, tolerance: str | None = None, at: Warehouse | None = None
) -> VerifyReport:
    """Execute every query of the stored edition again and compare the values.

    Values must be equal, or differ by no more than the tolerance that the claim states in the
    graph (`2 %` of the stored value, or an amount), or than `tolerance` when that is given.
    `at`: the warehouse that is asked instead of the one that holds the edition.
    """
    edition_id = latest_edition(warehouse)
    if edition_id is None:
        return VerifyReport(edition_id="", claims=0, reproduced=0)
    stored = warehouse.rows(
        "select * from ops.claims where edition_id = ? order by claim_id", [edition_id]
    )
    horizons = _horizons(warehouse)
    tolerances = _tolerances(warehouse)
    report = VerifyReport(edition_id, len(stored), 0)
    for row in stored:
        claim_id = str(row["claim_id"])
        value, error = run_query(at or warehouse, str(row["query"]))
        now_text, error = exact(value, error)
        both = {"stored": row["value_text"], "now": now_text}
        allowed = tolerance or tolerances.get(claim_id, "")
        if error or hash_of(str(row["query"])) != row["query_hash"]:
            why = error or "the stored query does not have the stored hash"
            report.broken.append({"claim_id": claim_id, "error": why})
        elif now_text == row["value_text"]:
            pass
        elif is_within(row["value_text"], now_text, allowed):
            report.within_tolerance.append({"claim_id": claim_id, **both, "tolerance": allowed})
        else:
            report.differs.append({"claim_id": claim_id, **both})
        reason = _why_stale(row, horizons)
        if reason:
            report.stale.append({"claim_id": claim_id, "reason": reason})
    reproduced = len(stored) - len(report.differs) - len(report.broken)
    return replace(report, reproduced=reproduced)


def is_within(stored: str | None, now: str | None, tolerance: str) -> bool:
    """True when two numbers differ by no more than `2 %` of the stored one, or than an amount."""
    if not tolerance or stored is None or now is None:
        return False
    try:
        was, found = Decimal(stored), Decimal(now)
        amount = Decimal(tolerance.removesuffix("%").strip())
    except InvalidOperation:
        return False
    allowed = abs(was) * amount / 100 if tolerance.endswith("%") else amount
    return abs(found - was) <= allowed


def _tolerances(warehouse: Warehouse) -> dict[str, str]:
    """Tolerances that claims of the graph state, by claim id; none without the graph's model."""
    where = "table_schema = 'reporting' and table_name = 'rpt_graph_status'"
    columns = warehouse.rows(f"select column_name from information_schema.columns where {where}")
    if not {"node_id", "tolerance"} <= {str(row["column_name"]) for row in columns}:
        return {}
    rows = warehouse.rows(
        "select coalesce(claim_query, node_id) as claim_id, min(tolerance) as tolerance\n"
        "from reporting.rpt_graph_status where tolerance is not null group by 1"
    )
    return {str(row["claim_id"]): str(row["tolerance"]) for row in rows}


def _horizons(warehouse: Warehouse) -> dict[str, str]:
    rows = warehouse.rows("select stream, as_of from ops.stream_cursors")
    return {row["stream"]: row["as_of"].isoformat() + "Z" for row in rows}


def _why_stale(row: dict[str, Any], horizons: dict[str, str]) -> str:
    if row["status"] == "stale":
        return f"rests on evidence as of {row['as_of']:%Y-%m-%dT%H:%M:%SZ}"
    for part in str(row["sources"] or "").split("; "):
        stream, _, as_of = part.partition("@")
        if stream in horizons and horizons[stream] > as_of and as_of != "never":
            return f"{stream} was read up to {horizons[stream]}, the edition knows {as_of}"
    return ""
