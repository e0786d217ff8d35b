"""Reads kept editions and compares two of them. Nothing is executed or stored here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from dashboards.claim import Claim, quoted
from dashboards.editions import Edition, Result
from dashboards.evidence import Evidence
from dashboards.verification import without_keys
from orchestration.warehouse.base import Warehouse

SHOWN = 12
"""Editions that have a page of their own; the warehouse keeps all of them."""

_EVERY_TIME = (".as_of", ".age", ".stale_by", ".read_at", ".opened_at")


@dataclass(frozen=True)
class Kept:
    """One edition with its claims as stored, by claim id."""

    edition_id: str
    as_of: datetime
    claims: Mapping[str, Mapping[str, Any]]


def kept_editions(warehouse: Warehouse, current: Edition) -> list[Kept]:
    """Return the current edition and those before it, the newest first, `SHOWN` at most."""
    found = warehouse.rows(
        "select edition_id, as_of from ops.editions\n"
        "order by created_at desc, as_of desc, edition_id"
    )
    earlier = [row for row in found if row["edition_id"] != current.edition_id][: SHOWN - 1]
    claims: dict[str, dict[str, Mapping[str, Any]]] = {row["edition_id"]: {} for row in earlier}
    if earlier:
        marks = ", ".join("?" * len(claims))
        sql = f"select * from ops.claims where edition_id in ({marks}) order by claim_id"
        for row in warehouse.rows(sql, list(claims)):
            claims[row["edition_id"]][row["claim_id"]] = row
    now = Kept(current.edition_id, current.as_of, {row["claim_id"]: row for row in current.rows})
    return [
        now,
        *(Kept(row["edition_id"], row["as_of"], claims[row["edition_id"]]) for row in earlier),
    ]


def changed(before: Kept, after: Kept) -> list[str]:
    """Return the ids of figures that both have with different values; ages always differ."""
    return sorted(
        claim_id
        for claim_id, row in after.claims.items()
        if claim_id in before.claims
        and not claim_id.endswith(_EVERY_TIME)
        and row["value_text"] != before.claims[claim_id]["value_text"]
    )


def turned(before: Kept, after: Kept, metrics: Iterable[str]) -> dict[str, list[str]]:
    """Return the metrics whose evidence became old, and those whose evidence is fresh again."""
    found: dict[str, list[str]] = {"stale": [], "measured": []}
    for metric_id in metrics:
        claim_id = f"metric.{metric_id}.value"
        then, now = before.claims.get(claim_id), after.claims.get(claim_id)
        if then and now and then["status"] != now["status"] and now["status"] in found:
            found[now["status"]].append(metric_id)
    return found


def earlier_result(result: Result, edition: Kept) -> Result:
    """Return the figure as the earlier edition shows it, under an id of its own."""
    row = edition.claims[result.claim.claim_id]
    claim = Claim(
        claim_id=f"then.{result.claim.claim_id}",
        sentence=f"{result.claim.sentence}, in the edition before",
        sql=(
            f"select value_text\nfrom ops.claims\nwhere edition_id = {quoted(edition.edition_id)}\n"
            f"  and claim_id = {quoted(result.claim.claim_id)}"
        ),
        unit=result.claim.unit,
        format=result.claim.format,
        owner=str(row["owner"] or ""),
    )
    said = f"as kept in edition {edition.edition_id}"
    evidence = Evidence("kept", row["as_of"], 0.0, (), said)
    return Result(claim, value_of(row, result.claim), row["value_text"], evidence)


def value_of(row: Mapping[str, Any], claim: Claim | None = None) -> object:
    """Return a stored value as what it was: a number, a day, a moment or text."""
    text = row["value_text"]
    if text is None:
        return None
    if row["value_number"] is not None:
        return Decimal(text)
    kind = claim.format if claim else ""
    if kind == "date":
        return date.fromisoformat(text)
    if kind == "moment":
        return datetime.fromisoformat(text.removesuffix("Z"))
    return without_keys(text)
