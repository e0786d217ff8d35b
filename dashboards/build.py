"""Builds the State of the Union page: run the claims, store the edition, write one file.

The page is written last and atomically, so that a reader never sees half of it and it
never shows an edition that is not stored.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from dashboards import sections
from dashboards.claims import declare
from dashboards.editions import Result, execute, store_edition
from dashboards.evidence import read_evidence, reporting_tables
from dashboards.guard import require_provenance
from dashboards.names import FACTS, read_names
from dashboards.render import environment, inline
from dashboards.verification import verify
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse.base import Warehouse

__all__ = ["SiteReport", "build_site", "verify"]

_TOC = (
    ("headlines", "Headlines"),
    ("tickets", "Tickets"),
    ("workstreams", "Workstreams"),
    ("drift", "Drift"),
    ("bad-debt", "Bad debt"),
    ("board", "Freshness"),
    ("honesty", "Graph"),
    ("closing", "Closing"),
    ("sources", "Sources"),
)
_GROUPS = {
    "metric": "Metrics",
    "tickets": "Tickets",
    "drift": "Drift detectors",
    "bad_debt": "Bad debt",
    "triple_store": "Bad-debt stores",
    "graph": "Knowledge graph",
    "claim": "Authored claims",
    "freshness": "Freshness tally",
    "level": "Levels",
    "checks": "Checks",
    "streams": "Streams",
    "source": "Sources read",
    "fact": "Platform facts",
    "site": "This page",
}
_MODELS_LAG = timedelta(hours=1)


@dataclass(frozen=True)
class SiteReport:
    """What was written where: path, edition and its number of claims."""

    path: Path
    edition_id: str
    claims: int
    is_new_edition: bool
    broken: tuple[str, ...] = ()


def build_site(warehouse: Warehouse, settings: Settings, now: datetime) -> SiteReport:
    """Build `<site_path>/index.html` from the reporting models, and store its edition.

    `warehouse` must be open for writing, unless the edition is stored already. Raises
    PermanentFailure when a status model is missing or empty, a number has no provenance,
    or the folder cannot be written; nothing is half-written then.
    """
    evidence = read_evidence(warehouse)
    names = read_names(warehouse, evidence)
    results = execute(warehouse, declare(names), evidence)
    by_id = {result.claim.claim_id: result for result in results}
    book = sections.Book(
        results=by_id,
        names=names,
        evidence=evidence,
        categories=_rows(warehouse, "rpt_ticket_categories", "category"),
        facts=_rows(warehouse, "rpt_platform_facts", "fact_id"),
    )
    context = _context(book, warehouse, now)
    page = environment(by_id).get_template("index.html.j2")
    # Checked before anything is stored; the edition's own name is the only thing left to add.
    require_provenance(page.render(**context, edition_id="pending"))
    edition_id, is_new = store_edition(warehouse, results, now)
    path = write_atomically(
        settings.site_path / "index.html", page.render(**context, edition_id=edition_id)
    )
    broken = tuple(sorted(r.claim.claim_id for r in results if r.error))
    return SiteReport(path, edition_id, len(results), is_new, broken)


def _context(book: sections.Book, warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    return {
        "css": inline("theme.css"),
        "script": inline("templates/page.js"),
        "toc": _TOC,
        "banner": sections.banner(book),
        "models_lag": _models_lag(book, now),
        "headlines": sections.headlines(book),
        "facts": _facts(book),
        "tickets": sections.tickets(book),
        "drift": sections.drift(book),
        "bad_debt": sections.bad_debt(book),
        "combinations": _combinations(warehouse, book),
        "metrics": list(book.evidence.metrics.values()),
        "honesty": sections.honesty(book),
        "has_unknown": bool(book.number("freshness.unknown")),
        "closing": sections.closing(book),
        "appendix": _appendix(book),
    }


def _rows(warehouse: Warehouse, table: str, key: str) -> dict[str, dict[str, Any]]:
    if table not in reporting_tables(warehouse):
        return {}
    rows = warehouse.rows(f"select * from reporting.{table} order by {key}")
    return {str(row[key]): row for row in rows}


def _combinations(warehouse: Warehouse, book: sections.Book) -> list[dict[str, Any]]:
    if not book.names.combinations:
        return []
    rows = _rows(warehouse, "rpt_triple_store", "combination")
    return [
        {
            "combination": c,
            "is_consistent": row["is_consistent"],
            # What is not three marks (lifting) is a transition and stands apart.
            "bits": [b == "1" for b in c] if set(c) <= {"0", "1"} else [],
        }
        for c, row in rows.items()
    ]


def _facts(book: sections.Book) -> list[dict[str, Any]]:
    known = [fact for fact in FACTS if fact in book.names.facts]
    return [{**book.facts[fact], "title": FACTS[fact]} for fact in known]


def _models_lag(book: sections.Book, now: datetime) -> bool:
    """True when the models' own "now" lies clearly before this page's."""
    naive_now = now.astimezone(UTC).replace(tzinfo=None)
    moments = [
        row["as_of"] + timedelta(hours=float(row["age_hours"]))
        for row in book.evidence.metrics.values()
        if row["as_of"] is not None and row["age_hours"] is not None
    ]
    return bool(moments) and naive_now - max(moments) > _MODELS_LAG


def _appendix(book: sections.Book) -> list[tuple[str, list[Result]]]:
    def group(result: Result) -> str:
        return _GROUPS[result.claim.claim_id.partition(".")[0]]

    order = list(_GROUPS.values())
    results = sorted(book.results.values(), key=lambda r: (order.index(group(r)), r.claim.claim_id))
    return [(name, list(members)) for name, members in groupby(results, key=group)]


def write_atomically(path: Path, text: str) -> Path:
    """Write `text` beside `path` and rename it into place; PermanentFailure says why not."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise PermanentFailure(
            f"{path} could not be written: {problem.strerror or problem}.",
            tried="write the page",
            todo="Free space or make the folder writable, then run `paygo dashboard` again.",
        ) from problem
    return path
