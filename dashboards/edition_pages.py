"""Pages of kept editions and of all claims, and what changed since the edition before.

Values of past editions come from `ops.claims` as they were stored; nothing is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from dashboards.claim import Claim, quoted
from dashboards.editions import Result
from dashboards.evidence import Evidence
from dashboards.format import readable
from dashboards.history import Kept, changed, earlier_result, turned, value_of
from dashboards.pages import Page
from dashboards.render import plain_text
from dashboards.sections import Book
from orchestration.owners import PLATFORM_OWNER

GROUPS = {
    "metric": "Metrics",
    "tickets": "Tickets",
    "digest": "Weekly digests",
    "drift": "Drift detectors",
    "bad_debt": "Bad debt",
    "triple_store": "Bad-debt stores",
    "graph": "Knowledge graph",
    "node": "Knowledge, as written",
    "freshness": "Freshness tally",
    "level": "Levels",
    "checks": "Checks, counted",
    "check": "Checks",
    "incident": "Incidents",
    "stream": "Streams",
    "streams": "Streams, counted",
    "source": "Sources read",
    "fact": "Platform facts",
    "glossary": "System overview",
    "site": "This site",
    "claim": "Authored claims",
    "hypothesis": "Hypotheses",
    "debt": "Knowledge debt",
    "pattern": "Patterns",
}
_TOLD = ("freshness.", "level.", "checks.", "tickets.total", "graph.nodes", "bad_debt.")
_MOST = 18
"""Changed figures shown on the first page; the page of editions has all of them."""


@dataclass(frozen=True)
class Changes:
    """What moved since the edition before; `earlier` are its figures, by their own claim ids."""

    before: Kept | None = None
    figures: Sequence[str] = ()
    more: bool = False
    stale: Sequence[str] = ()
    fresh: Sequence[str] = ()
    earlier: Mapping[str, Result] = field(default_factory=dict)


def changes(book: Book, kept: Sequence[Kept]) -> Changes:
    """Compare the current edition with the one before; empty when there is none."""
    if len(kept) < 2:
        return Changes()
    after, before = kept[0], kept[1]
    moved = [c for c in changed(before, after) if c in book.results and is_told(c)]
    moved.sort(key=lambda c: (not c.startswith("metric."), c))
    shown = moved[:_MOST]
    turns = turned(before, after, book.evidence.metrics)
    earlier = [earlier_result(book.results[c], before) for c in shown]
    return Changes(
        before=before,
        figures=shown,
        more=len(moved) > len(shown),
        stale=turns["stale"],
        fresh=turns["measured"],
        earlier={result.claim.claim_id: result for result in earlier},
    )


def is_told(claim_id: str) -> bool:
    """Say whether a change of this figure is news: values and tallies, not their parts."""
    if claim_id.startswith("metric."):
        return claim_id.endswith(".value")
    if claim_id.startswith("drift."):
        return claim_id.count(".") == 2 and claim_id.endswith((".open", ".new", ".resolved"))
    return claim_id.startswith(_TOLD) and not claim_id.endswith("_daily")


def edition_results(kept: Sequence[Kept]) -> dict[str, Result]:
    """Return one figure an edition: when its evidence ends, proved by its content hash."""
    found = {}
    for edition in kept:
        claim = Claim(
            claim_id=f"edition.{edition.edition_id}",
            sentence=f"Latest evidence of edition {edition.edition_id}",
            sql=(
                f"select as_of\nfrom ops.editions\nwhere edition_id = {quoted(edition.edition_id)}"
            ),
            unit="UTC time",
            format="moment",
            owner=PLATFORM_OWNER,
        )
        said = "named by the hash of all its figures, queries and sources"
        evidence = Evidence("kept", edition.as_of, 0.0, (), said)
        text = edition.as_of.isoformat() + "Z"
        found[claim.claim_id] = Result(claim, edition.as_of, text, evidence)
    return found


def pages(book: Book, kept: Sequence[Kept]) -> Iterator[Page]:
    """Yield the page of all claims, the index of editions and one page an edition."""
    everything = {"groups": _grouped(sorted(book.results))}
    yield Page("claims.html", "claims.html.j2", "All claims", everything)
    comparisons = [_comparison(book, a, b) for b, a in pairwise(kept)]
    context = {"kept": kept, "comparisons": comparisons, "data": _data(book, kept)}
    yield Page("editions/index.html", "editions.html.j2", "Editions", context)
    for edition in kept:
        rows = [
            (group, [edition.claims[c] for c in ids]) for group, ids in _grouped(edition.claims)
        ]
        yield Page(
            f"editions/{edition.edition_id}.html",
            "edition.html.j2",
            f"Edition {edition.edition_id}",
            {"edition": edition, "groups": rows},
        )


def group_of(claim_id: str) -> str:
    """Return the heading under which a claim stands."""
    return GROUPS.get(claim_id.partition(".")[0], "Other")


def _grouped(claim_ids: Any) -> list[tuple[str, list[str]]]:
    order = [*GROUPS.values(), "Other"]
    ids = sorted(claim_ids, key=lambda c: (order.index(group_of(c)), c))
    return [(name, list(members)) for name, members in groupby(ids, key=group_of)]


def _comparison(book: Book, before: Kept, after: Kept) -> dict[str, Any]:
    rows = [
        {
            "claim_id": claim_id,
            "then": _shown(book, claim_id, before),
            "now": _shown(book, claim_id, after),
        }
        for claim_id in changed(before, after)
        if not _is_series(book, claim_id)
    ]
    return {"before": before, "after": after, "rows": rows}


def _is_series(book: Book, claim_id: str) -> bool:
    result = book.results.get(claim_id)
    return result is not None and result.claim.format == "series"


def _shown(book: Book, claim_id: str, edition: Kept) -> str:
    row = edition.claims[claim_id]
    result = book.results.get(claim_id)
    value = value_of(row, result.claim if result else None)
    return plain_text(readable(value, result.claim.format if result else "number"))


def _data(book: Book, kept: Sequence[Kept]) -> dict[str, Any]:
    """What the page's script compares: readable values of every edition, by claim."""
    figures: dict[str, list[str | None]] = {}
    for claim_id, result in sorted(book.results.items()):
        if result.claim.format != "series":
            figures[claim_id] = [
                _shown(book, claim_id, edition) if claim_id in edition.claims else None
                for edition in kept
            ]
    differing = {c: values for c, values in figures.items() if len(set(values)) > 1}
    return {"editions": [edition.edition_id for edition in kept], "figures": differing}
