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
from dashboards.verification import exact, hash_of, latest_edition, run_query
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


def execute(warehouse: Warehouse, claims: Iterable[Claim], book: EvidenceBook) -> list[Result]:
    """Run every claim's query; one that fails or yields no single value is broken, with why."""
    results = []
    for claim in claims:
        value, error = run_query(warehouse, claim.sql)
        text, error = exact(value, error)
        results.append(Result(claim, None if error else value, text, book.of(claim), error))
    return results


def store_edition(warehouse: Warehouse, results: list[Result], now: datetime) -> tuple[str, bool]:
    """Store the results unless they are the latest edition already; returns (id, is new)."""
    rows = [_claim_row(result) for result in results]
    content = hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()
    edition_id = content[:16]
    if latest_edition(warehouse) == edition_id:
        return edition_id, False
    # Claims first: an edition exists for readers only once its own row does.
    stored = [{"edition_id": edition_id, **row} for row in rows]
    warehouse.replace_ops("claims", stored, ("edition_id", "claim_id"))
    horizons = [result.evidence.as_of for result in results if result.evidence.as_of]
    naive_now = now.astimezone(UTC).replace(tzinfo=None)
    edition = {
        "edition_id": edition_id,
        "as_of": max(horizons, default=naive_now),
        "content_hash": content,
        "created_at": _after_the_last(warehouse, naive_now),
    }
    warehouse.replace_ops("editions", [edition], ("edition_id",))
    return edition_id, True


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
