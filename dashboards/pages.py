"""The companion pages: which there are, where they live, and what stands on each.

Figures are named by claim id; the state page's own view models are in `sections` and `state`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dashboards import charts, lineage, sections
from dashboards.claim_digest import WEEK_COLUMNS, WINDOW_COLUMNS
from dashboards.evidence import split_streams
from dashboards.glossary import GLOSSARY
from dashboards.sections import Book

_NEAR = Decimal("1.8")
"""A level farther from the values than this factor is said beside the chart, not drawn in it."""

_RESTATED = 30
"""Restated values shown on a metric's page, the latest; its claim holds all of them."""


@dataclass(frozen=True)
class Page:
    """One page to write: its place below the site, its template and what stands on it."""

    path: str
    template: str
    title: str
    context: Mapping[str, Any]

    @property
    def root(self) -> str:
        """The way from the page's folder to the site's."""
        return "../" * self.path.count("/")


def companion_pages(book: Book) -> Iterator[Page]:
    """Yield the companion pages of this state, editions and claims apart."""
    yield Page("glossary.html", "glossary.html.j2", "System overview", {"groups": glossary(book)})
    yield Page("metrics/index.html", "metrics.html.j2", "Metrics", {"board": sections.board(book)})
    for metric_id in book.evidence.metrics:
        title = str(book.evidence.metrics[metric_id]["title"])
        yield Page(f"metrics/{metric_id}.html", "metric.html.j2", title, metric(book, metric_id))
    streams = workstreams(book)
    for name in streams:
        context = workstream(book, name, streams)
        yield Page(f"workstreams/{slug(name)}.html", "workstream.html.j2", name, context)
    context = {"knowledge": sections.knowledge(book), "blast": sections.blast(book)}
    yield Page("knowledge.html", "knowledge.html.j2", "Knowledge", context)
    if book.names.weeks and book.names.categories:
        yield Page("digests/index.html", "digests.html.j2", "Weekly digests", digests(book))
        for week in book.names.weeks:
            title = f"Tickets of {week}"
            yield Page(f"digests/{week}.html", "digest.html.j2", title, digest(book, week))


def slug(name: str) -> str:
    """`Smart Checkout` → `smart-checkout`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def glossary(book: Book) -> list[dict[str, Any]]:
    """Return the terms by heading with those of their figures that the models yield."""
    groups = []
    for heading, terms in GLOSSARY.items():
        shown = []
        for term in terms:
            parts = [(c, words, book.number(c) or Decimal(0)) for c, words in term.parts]
            parts = [part for part in parts if part[0] in book.results]
            top = max((count for _, _, count in parts), default=Decimal(0)) or Decimal(1)
            bars = [
                {"claim": c, "words": words, "width": f"{count / top * 100:.1f}"}
                for c, words, count in parts
            ]
            figures = [f for f in term.figures if f[0] in book.results]
            shown.append({"term": term, "figures": figures, "bars": bars})
        groups.append({"heading": heading, "slug": slug(heading), "terms": shown})
    return groups


def metric(book: Book, metric_id: str) -> dict[str, Any]:
    """Return everything about one metric: series, levels, checks, lineage, what rests on it."""
    row = book.evidence.metrics[metric_id]
    points = book.points(f"metric.{metric_id}.series")
    levels = [
        (name, Decimal(row[name]))
        for name in ("critical", "warning", "target")
        if row[name] is not None
    ]
    drawn = _near(points, levels)
    missing = sections.missing_days(book, points)
    checks = [check for check, metric in book.names.checks if metric == metric_id]
    restated = [r for r in book.restatements if r["metric_id"] == metric_id][:_RESTATED]
    rings = _rings(restated, points)
    return {
        "row": row,
        "points": points,
        "chart": charts.metric_line(points, drawn, missing, rings),
        "rings": bool(rings),
        "levels": [name for name, _ in levels],
        "far": [name for name, _ in levels if name not in dict(drawn)],
        "missing": bool(missing),
        "course": sections.trend_of(book, metric_id),
        "streams": [s for s in split_streams(row["streams"]) if s in book.names.streams],
        "checks": [(check, book.checks[check]) for check in checks if check in book.checks],
        "incidents": [
            incident
            for incident in book.incidents
            if metric_id in split_streams(incident["metrics"])
        ],
        "resting": resting(book, metric_id),
        "restatements": restated,
        "lineage": lineage.draw(metric_id),
        "model_sql": lineage.model_sql(f"metric_{metric_id}"),
        "workstream_slug": slug(row["workstream"] or ""),
    }


def _rings(
    restated: Sequence[Mapping[str, Any]], points: Sequence[tuple[str, tuple[Decimal, ...]]]
) -> list[tuple[str, Decimal]]:
    """Return what was said before of the days drawn, where it was another value."""
    now = {key: values[0] for key, values in points}
    said = [(row["observation_date"].isoformat(), row["old_value"]) for row in restated]
    return [(day, old) for day, old in said if old is not None and now.get(day, old) != old]


def _near(
    points: Sequence[tuple[str, tuple[Decimal, ...]]], levels: Sequence[tuple[str, Decimal]]
) -> list[tuple[str, Decimal]]:
    values = [v[0] for _, v in points]
    if not values:
        return []
    low, high = min(values), max(values)
    return [
        (name, value)
        for name, value in levels
        if value <= high * _NEAR and (value * _NEAR >= low or (value == 0 and low < high / 3))
    ]


def resting(book: Book, metric_id: str) -> list[Mapping[str, Any]]:
    """Return the authored nodes whose proof passes through the metric, claims first."""
    return sorted(
        _resting_by_metric(book).get(metric_id, []),
        key=lambda n: (_RESTING_KINDS.index(n["kind"]), n["node_id"]),
    )


_RESTING_KINDS = ("claim", "pattern", "hypothesis")
_METRIC = re.compile(r"\bmetric\.([\w-]+)")


@functools.lru_cache(maxsize=1)
def _resting_by_metric(book: Book) -> Mapping[str, list[Mapping[str, Any]]]:
    """Read every proof once: each names the metrics that it passes through."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for node in book.nodes:
        kind = node["kind"]
        if kind in _RESTING_KINDS and (kind == "hypothesis" or not node["is_simulated"]):
            for metric_id in dict.fromkeys(_METRIC.findall(node["proof"] or "")):
                found.setdefault(metric_id, []).append(node)
    return found


def workstreams(book: Book) -> list[str]:
    """Return the names of the workstreams that metrics or ticket categories name."""
    rows = (*book.evidence.metrics.values(), *book.categories.values())
    return sorted({str(row["workstream"]) for row in rows if row["workstream"]})


def workstream(book: Book, name: str, others: Sequence[str]) -> dict[str, Any]:
    """Return what a workstream promises: its metrics, categories and predictions."""
    metrics = [m for m, row in book.evidence.metrics.items() if row["workstream"] == name]
    board = [r for r in sections.board(book) if r["row"]["metric_id"] in metrics]
    predictions = {
        node["node_id"]: node
        for metric_id in metrics
        for node in resting(book, metric_id)
        if node["kind"] == "hypothesis"
    }
    node = next((n for n in book.nodes if n["kind"] == "workstream" and n["title"] == name), None)
    tickets = sections.tickets(book)
    rows = [r for r in (tickets or {"rows": []})["rows"] if r["row"]["workstream"] == name]
    return {
        "name": name,
        "node": node,
        "board": board,
        "rows": rows,
        "predictions": [predictions[node_id] for node_id in sorted(predictions)],
        "deliveries": deliveries(book, name),
        "others": [(other, slug(other)) for other in others],
    }


def deliveries(book: Book, workstream: str) -> list[dict[str, Any]]:
    """Return the predictions of a delivered workstream with their days before and after."""
    found = []
    for row in book.hypotheses:
        if row["workstream"] == workstream and row["node_id"] in book.names.shipped:
            points = tuple(book.table(f"{row['node_id']}.series").items())
            expected = book.number(f"{row['node_id']}.expected_value")
            chart = charts.before_after(points, expected)
            found.append({"row": row, "points": points, "chart": chart})
    return found


def digests(book: Book) -> dict[str, Any]:
    """Return the weeks, the newest first, and the heat table of all of them."""
    return {"weeks": book.names.weeks[::-1], "tickets": sections.tickets(book)}


def digest(book: Book, week: str) -> dict[str, Any]:
    """Return one week: categories by their tickets, what moved, the patterns seen in it."""
    weeks = book.names.weeks
    place = weeks.index(week)
    counts = book.table(f"digest.{week}.categories")
    rows: list[dict[str, Any]] = []
    for category in book.names.categories:
        found = dict(zip(WEEK_COLUMNS, counts.get(category, ()), strict=False))
        now = found.get("tickets") or Decimal(0)
        row = book.categories[category]
        moved = found.get("change") or Decimal(0)
        at_peak = row["peak_week"] == week and now > 0
        rows.append({"row": row, "now": now, "moved": moved, "at_peak": at_peak})
    known = [r for r in rows if r["row"]["category"] != "unclassified"]
    return {
        "week": week,
        "columns": {column: i for i, column in enumerate(WEEK_COLUMNS)},
        "window": {column: i for i, column in enumerate(WINDOW_COLUMNS)},
        "before": weeks[place - 1] if place else "",
        "after": weeks[place + 1] if place + 1 < len(weeks) else "",
        "rows": sorted(rows, key=lambda r: (-r["now"], r["row"]["category"])),
        "rises": _moved(known, 1),
        "falls": _moved(known, -1),
        "peaks": [r for r in known if r["at_peak"]],
        "patterns": _patterns_of(book, week),
    }


def _patterns_of(book: Book, week: str) -> list[Mapping[str, Any]]:
    """Patterns with a ticket in the week, most tickets first, and those that are gone."""
    counts = book.table(f"digest.{week}.patterns")
    words = {row["pattern_id"]: row for row in book.patterns}
    rows = [
        {**words[row["pattern_id"]], "state": row["state"], "tickets": counts[row["pattern_id"]][0]}
        for row in book.pattern_weeks
        if row["iso_week"] == week and row["pattern_id"] in words and row["pattern_id"] in counts
    ]
    seen = [row for row in rows if row["tickets"] or row["state"] == "gone"]
    return sorted(seen, key=lambda row: (-(row["tickets"] or 0), row["title"]))


def _moved(rows: Sequence[dict[str, Any]], sign: int) -> list[dict[str, Any]]:
    found = [row for row in rows if row["moved"] * sign > 0]
    return sorted(found, key=lambda r: (-abs(r["moved"]), r["row"]["category"]))[:2]
