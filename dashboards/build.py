"""Builds the site: run the claims, name the edition, render and check every page, store, write.

Pages are checked before anything is stored and written last, each atomically, so that a
reader never sees half of one and none shows an edition that is not stored.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dashboards import edition_pages, sections, state
from dashboards.claim import Dimensions
from dashboards.claim_digest import WINDOW_COLUMNS
from dashboards.claims import declare
from dashboards.editions import Edition, Result, execute, make_edition, store_edition
from dashboards.evidence import EvidenceBook, read_evidence
from dashboards.guard import require_provenance
from dashboards.history import Kept, kept_editions
from dashboards.names import FACTS, read_names
from dashboards.pages import Page, companion_pages, slug, workstreams
from dashboards.render import Pen, inline
from dashboards.snapshot import Snapshot
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
    ("honesty", "Knowledge"),
    ("changes", "Changes"),
    ("closing", "Closing"),
)
_MODELS_LAG = timedelta(hours=1)
_OURS = ("", "metrics", "workstreams", "digests")
"""Folders in which a page that is no longer made is removed; kept editions stay."""


@dataclass(frozen=True)
class SiteReport:
    """What was written where: the first page, its edition, claims and number of pages."""

    path: Path
    edition_id: str
    claims: int
    is_new_edition: bool
    broken: tuple[str, ...] = ()
    pages: int = 0


def build_site(warehouse: Warehouse, settings: Settings, now: datetime) -> SiteReport:
    """Build the site below `<site_path>` from the reporting models, and store its edition.

    `warehouse` must be open for writing, unless the edition is stored already. Raises
    PermanentFailure when a status model is missing or empty, a number has no provenance,
    or the folder cannot be written; nothing is half-written then.
    """
    evidence = read_evidence(warehouse)
    with Snapshot(warehouse) as snapshot:
        names = read_names(snapshot, evidence)
        results = execute(snapshot, declare(names), evidence)
        book = _book(snapshot, names, evidence, results)
    edition = make_edition(warehouse, results, now)
    texts = dict(_render(book, edition, kept_editions(warehouse, edition), now))
    store_edition(warehouse, edition, now)
    write_site(settings.site_path, texts)
    return SiteReport(
        path=settings.site_path / "index.html",
        edition_id=edition.edition_id,
        claims=len(results),
        is_new_edition=edition.is_new,
        broken=tuple(sorted(r.claim.claim_id for r in results if r.error)),
        pages=len(texts),
    )


def _book(
    snapshot: Snapshot, names: Dimensions, evidence: EvidenceBook, results: list[Result]
) -> sections.Book:
    def keyed(model: str, key: str) -> dict[str, dict[str, Any]]:
        return {str(row[key]): row for row in snapshot.table(model, key)}

    return sections.Book(
        results={result.claim.claim_id: result for result in results},
        names=names,
        evidence=evidence,
        categories=keyed("rpt_ticket_categories", "category"),
        facts=keyed("rpt_platform_facts", "fact_id"),
        nodes=snapshot.table("rpt_graph_status", "node_id"),
        checks=keyed("rpt_checks", "check_id"),
        incidents=[
            row
            for row in snapshot.table("rpt_incidents", "opened_at desc, incident_id")
            if row["incident_id"] in names.incidents
        ],
        hypotheses=snapshot.table("rpt_hypotheses", "node_id"),
        restatements=[
            row
            for row in snapshot.table(
                "rpt_metric_restatements", "restated_at desc, observation_date desc"
            )
            if row["dimension"] == "all"
        ],
        patterns=[
            row
            for row in snapshot.table("rpt_patterns", "pattern_id")
            if row["pattern_id"] in names.patterns
        ],
        pattern_weeks=snapshot.table("rpt_pattern_weeks", "iso_week, pattern_id"),
        debts=snapshot.table("rpt_graph_debt", "debt_rank, node_id"),
        blasts=[
            row
            for row in snapshot.table("rpt_graph_blast_radius", "node_id")
            if row["kind"] == "datasource" and not row["is_simulated"]
        ],
        contradictions=snapshot.table("rpt_graph_contradictions", "node_id, opposing_node_id"),
        combinations=snapshot.table("rpt_triple_store", "combination"),
        moment=evidence.moment,
    )


def _render(
    book: sections.Book, edition: Edition, kept: list[Kept], now: datetime
) -> Iterator[tuple[str, str]]:
    """Yield (path below the site, checked HTML) of every page."""
    changes = edition_pages.changes(book, kept)
    pen = Pen({**book.results, **changes.earlier, **edition_pages.edition_results(kept)})
    look = {
        "frame": inline("frame.css"),
        "theme": inline("theme.css"),
        "script": inline("templates/page.js"),
        "edition_id": edition.edition_id,
        "stale": bool(book.number("freshness.stale")),
        "alarmed": any(book.evidence.alarm(m) for m in book.evidence.metrics),
        "workstream_pages": _workstream_links(book),
    }
    first = Page("index.html", "index.html.j2", "State of the Union", _context(book, changes, now))
    others = (*companion_pages(book), *edition_pages.pages(book, kept))
    for page in (*others, first):
        html = pen.render(page.template, page.root, {**look, **page.context, "page": page})
        require_provenance(html, page.path)
        yield page.path, html


def _workstream_links(book: sections.Book) -> dict[str, str]:
    return {name: slug(name) for name in workstreams(book)}


def _context(book: sections.Book, changes: edition_pages.Changes, now: datetime) -> dict[str, Any]:
    return {
        "toc": _TOC,
        "state": state.first_screen(book),
        "models_lag": _models_lag(book, now),
        "headlines": sections.headlines(book),
        "facts": [
            {**book.facts[fact], "title": title}
            for fact, title in FACTS.items()
            if fact in book.names.facts
        ],
        "tickets": sections.tickets(book),
        "window": {column: i for i, column in enumerate(WINDOW_COLUMNS)},
        "drift": sections.drift(book),
        "bad_debt": sections.bad_debt(book),
        "combinations": sections.combinations(book),
        "board": sections.board(book),
        "honesty": sections.honesty(book),
        "patterns": sections.patterns(book),
        "knowledge": sections.knowledge(book),
        "changes": changes,
        "has_unknown": bool(book.number("freshness.unknown")),
        "closing": sections.closing(book),
    }


def _models_lag(book: sections.Book, now: datetime) -> bool:
    """True when the models' own "now" lies clearly before this page's."""
    naive_now = now.astimezone(UTC).replace(tzinfo=None)
    return book.moment is not None and naive_now - book.moment > _MODELS_LAG


def write_site(folder: Path, texts: Mapping[str, str]) -> None:
    """Write every page, the first one last, and remove pages that are no longer made."""
    for path, text in texts.items():
        write_atomically(folder / path, text)
    for part in _OURS:
        for page in (folder / part).glob("*.html"):
            if page.relative_to(folder).as_posix() not in texts:
                page.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> Path:
    """Write `text` beside `path` and rename it into place; PermanentFailure says why not.

    A file that holds the same bytes is left as it is.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    data = text.encode()
    try:
        if path.is_file() and path.read_bytes() == data:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as out:
            out.write(data)
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
