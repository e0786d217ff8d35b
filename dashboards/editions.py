"""Executes claims and keeps each edition of their values; `verification` proves it again.

An edition is named by its content: the same values, queries and sources make the same
edition, and writing it again changes nothing. What the page looks like is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards.claim import Claim
from dashboards.evidence import Evidence, EvidenceBook
from dashboards.format import number_of, readable
from dashboards.verification import Queries, exact, hash_of, latest_edition, run_query
from orchestration.warehouse.base import Warehouse


@dataclass(frozen=True)
class Result:
    """One executed claim: raw value, exact text, evidence, and why it broke (if it did)."""

    claim: Claim
    value: object
    value_text: str | None
    evidence: Evidence
    error: str = ""

    @property
    def status(self) -> str:
        return "broken" if self.error else self.evidence.status

    @property
    def shown(self) -> str:
        return readable(self.value, self.claim.format)

    @property
    def query_hash(self) -> str:
        return hash_of(self.claim.sql)


@dataclass(frozen=True)
class Edition:
    """All results of one build under the name of their content; `rows` as `ops.claims` has them."""

    edition_id: str
    content_hash: str
    as_of: datetime
    rows: list[dict[str, Any]]
    is_new: bool


def execute(source: Queries, claims: Iterable[Claim], book: EvidenceBook) -> list[Result]:
    """Run every claim's query; one that fails or yields no single value is broken, with why."""
    results = []
    for claim in claims:
        value, error = run_query(source, claim.sql)
        text, error = exact(value, error)
        results.append(Result(claim, None if error else value, text, book.of(claim), error))
    return results


def make_edition(warehouse: Warehouse, results: list[Result], now: datetime) -> Edition:
    """Name the results by their content. Nothing is stored; `is_new` says whether it would be."""
    rows = [_claim_row(result) for result in results]
    content = hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()
    horizons = [result.evidence.as_of for result in results if result.evidence.as_of]
    naive_now = now.astimezone(UTC).replace(tzinfo=None)
    return Edition(
        edition_id=content[:16],
        content_hash=content,
        as_of=max(horizons, default=naive_now),
        rows=rows,
        is_new=latest_edition(warehouse) != content[:16],
    )


def store_edition(warehouse: Warehouse, edition: Edition, now: datetime) -> None:
    """Store the edition unless it is the latest one already."""
    if not edition.is_new:
        return
    # Claims first: an edition exists for readers only once its own row does.
    stored = [{"edition_id": edition.edition_id, **row} for row in edition.rows]
    warehouse.replace_ops("claims", stored, ("edition_id", "claim_id"))
    naive_now = now.astimezone(UTC).replace(tzinfo=None)
    row = {
        "edition_id": edition.edition_id,
        "as_of": edition.as_of,
        "content_hash": edition.content_hash,
        "created_at": _after_the_last(warehouse, naive_now),
    }
    warehouse.replace_ops("editions", [row], ("edition_id",))


def _after_the_last(warehouse: Warehouse, now: datetime) -> datetime:
    """Return `now`, or just after the last edition under a clock that stands still."""
    last = warehouse.rows("select max(created_at) as created_at from ops.editions")[0]["created_at"]
    return now if last is None or last < now else last + timedelta(microseconds=1)


def _claim_row(result: Result) -> dict[str, Any]:
    return {
        "claim_id": result.claim.claim_id,
        "value_text": result.value_text,
        "value_number": number_of(result.value),
        "unit": result.claim.unit,
        "query": result.claim.sql,
        "query_hash": result.query_hash,
        "as_of": result.evidence.as_of,
        "sources": result.evidence.sources_text,
        "owner": result.claim.owner,
        "status": result.status,
    }
