"""View models of the page's sections: which claims stand where, and the words around them.

Figures are named by claim id and never copied; words chosen by a figure (down, all,
some) are computed here from the executed claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from dashboards import charts
from dashboards.claim import Dimensions
from dashboards.claim_families import DETECTOR_METRIC
from dashboards.claims import HEADLINES
from dashboards.editions import Result
from dashboards.evidence import EvidenceBook
from dashboards.format import number_of, series, table
from dashboards.names import UNCLASSIFIED

DETECTOR_TITLES = {
    "stripe": ("Stripe drift", "Live OPEs against Stripe subscription items"),
    "zone_plan": ("Zone-plan drift", "Plan level in www against the engine's zone-plan OPE"),
}
KIND_SAID = {
    "claim": "Statements about the system.",
    "hypothesis": "Predictions; untested until they name a metric that can prove them wrong.",
    "mechanism": "How things work; grounded by references to code.",
    "pattern": "What tickets and logs show again and again.",
    "question": "What we know that we do not know yet.",
    "metric": "Named measurements with tracked freshness.",
    "datasource": "Where evidence comes from.",
    "decision": "What was agreed, and why.",
    "risk": "What could go wrong.",
    "workstream": "What is being changed this quarter.",
    "observation": "What was seen once and written down.",
    "query": "Executable questions.",
    "signal": "Early signs watched beside the metrics.",
}
FLAT_PERCENT = Decimal("0.5")
_LONGEST_GAP = 30
_CLEARLY = Decimal("1.05")
"""A flow that exceeds the other by less than this says nothing about the stock."""


@dataclass(frozen=True, eq=False)
class Book:
    """Everything a section may use: executed claims by id, names, and rows of status."""

    results: Mapping[str, Result]
    names: Dimensions
    evidence: EvidenceBook
    categories: Mapping[str, Mapping[str, Any]]
    facts: Mapping[str, Mapping[str, Any]]
    nodes: Sequence[Mapping[str, Any]] = ()
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    incidents: Sequence[Mapping[str, Any]] = ()
    combinations: Sequence[Mapping[str, Any]] = ()
    hypotheses: Sequence[Mapping[str, Any]] = ()
    patterns: Sequence[Mapping[str, Any]] = ()
    pattern_weeks: Sequence[Mapping[str, Any]] = ()
    restatements: Sequence[Mapping[str, Any]] = ()
    debts: Sequence[Mapping[str, Any]] = ()
    contradictions: Sequence[Mapping[str, Any]] = ()
    blasts: Sequence[Mapping[str, Any]] = ()
    moment: datetime | None = None

    @property
    def today(self) -> date | None:
        """The day that is not complete yet, as the models know it."""
        return self.moment.date() if self.moment else None

    def number(self, claim_id: str) -> Decimal | None:
        """Return the claim's value as a number; None when it has none."""
        result = self.results.get(claim_id)
        return number_of(result.value) if result else None

    def points(self, claim_id: str) -> list[tuple[str, tuple[Decimal, ...]]]:
        """Return the points of a series claim; empty when it has none."""
        result = self.results.get(claim_id)
        return series(result.value_text) if result and not result.error else []

    def table(self, claim_id: str) -> Mapping[str, tuple[Decimal | None, ...]]:
        """Return the rows of a claim that holds a table, by key; empty when it has none."""
        result = self.results.get(claim_id)
        return table(result.value_text) if result and not result.error else {}


def headlines(book: Book) -> list[dict[str, Any]]:
    """One card a headline metric that the reporting models know."""
    cards = []
    for metric_id, noun in HEADLINES.items():
        row = book.evidence.metrics.get(metric_id)
        if row is not None:
            points = book.points(f"metric.{metric_id}.series")
            chart = charts.sparkline(points, len(missing_days(book, points)))
            trend = trend_of(book, metric_id)
            cards.append({"row": row, "noun": noun, "chart": chart, "trend": trend})
    return cards


def board(book: Book) -> list[dict[str, Any]]:
    """One row a metric, what needs attention first."""
    rows = []
    for metric_id, row in book.evidence.metrics.items():
        points = book.points(f"metric.{metric_id}.series")
        missing = len(missing_days(book, points))
        chart = charts.sparkline(points, missing, width=110, height=26)
        rows.append({"row": row, "chart": chart, "trend": trend_of(book, metric_id)})
    return sorted(rows, key=lambda r: (-gravity(r["row"]), r["row"]["title"]))


def gravity(row: Mapping[str, Any]) -> int:
    """How much a metric asks for attention: its level first, then a check that did not pass."""
    level = {"critical": 6, "warning": 4}.get(row["level"], 0)
    check = {"broken": 2, "failed": 1}.get(row["check_verdict"], 0)
    return int(level + check)


def missing_days(book: Book, points: Sequence[tuple[str, Any]]) -> list[str]:
    """Return the complete days after the last observation that have no evidence."""
    if not points or book.today is None:
        return []
    found: list[str] = []
    day = date.fromisoformat(points[-1][0]) + timedelta(days=1)
    while day < book.today and len(found) < _LONGEST_GAP:
        found.append(day.isoformat())
        day += timedelta(days=1)
    return found


def trend_of(book: Book, metric_id: str) -> dict[str, str]:
    """Say where a metric went and whether that is the good way."""
    change = book.number(f"metric.{metric_id}.change")
    first = book.number(f"metric.{metric_id}.first_mean")
    if first is None or book.number(f"metric.{metric_id}.trend_mean") is None:
        return {"word": "none", "good": "none"}
    if change is None or abs(change) < FLAT_PERCENT:
        return {"word": "Flat", "good": "flat"}
    went = "up" if change > 0 else "down"
    wanted = book.evidence.metrics[metric_id]["direction"]
    return {"word": went, "good": "Improving" if went == wanted else "Worsening"}


def tickets(book: Book) -> dict[str, Any] | None:
    """Totals, small multiples on one scale and the heat table; None without evidence."""
    if not book.names.categories or not book.number("tickets.total"):
        return None
    weekly = {c: book.points(f"tickets.{c}.weekly") for c in book.names.categories}
    shown = {c: points for c, points in weekly.items() if c != UNCLASSIFIED}
    highest = max((v[0] for points in shown.values() for _, v in points), default=Decimal(1))
    weeks = sorted({key for points in weekly.values() for key, _ in points})
    rows: list[dict[str, Any]] = []
    for category, points in weekly.items():
        by_week = {key: values[0] for key, values in points}
        top = max(by_week.values(), default=Decimal(0)) or Decimal(1)
        cells = [
            {"value": int(by_week.get(w, 0)), "heat": _heat(by_week.get(w), top)} for w in weeks
        ]
        chart = charts.weekly_bars(points, highest) if category in shown else ""
        row = book.categories[category]
        rows.append({"category": category, "row": row, "chart": chart, "cells": cells})
    drivers = [row for row in rows if row["chart"] and row["row"]["tickets"]]
    return {"rows": rows, "weeks": weeks, "top": drivers[:3]}


def _heat(value: Decimal | None, top: Decimal) -> int:
    """Five shades, each category on its own scale; zero has none."""
    return 0 if not value else max(1, int((value / top * 5).to_integral_value()))


def drift(book: Book) -> list[dict[str, Any]]:
    """One panel a detector; a stale side is named, since it opens nothing new."""
    panels = []
    for detector, (title, compares) in DETECTOR_TITLES.items():
        kinds = [kind for found, kind in book.names.detector_kinds if found == detector]
        points = book.points(f"drift.{detector}.daily")
        stakes = [currency for found, currency in book.names.stakes if found == detector]
        row = book.evidence.metrics.get(DETECTOR_METRIC[detector])
        panels.append(
            {
                "detector": detector,
                "title": title,
                "compares": compares,
                "kinds": kinds,
                "stakes": stakes,
                "points": points,
                "chart": charts.open_and_new(points),
                "row": row,
            }
        )
    return panels


def bad_debt(book: Book) -> dict[str, Any] | None:
    """Stock and flow apart; None without evidence."""
    if not book.names.has_bad_debt:
        return None
    stock = book.points("bad_debt.stock_daily")
    flow = book.points("bad_debt.flow_daily")
    entries, exits = book.number("bad_debt.entries_total"), book.number("bad_debt.exits_total")
    verdict = "unknown"
    if entries is not None and exits is not None:
        more, fewer = entries > exits * _CLEARLY, exits > entries * _CLEARLY
        verdict = "more" if more else "fewer" if fewer else "as many"
    return {
        "stock": stock,
        "flow": flow,
        "stock_chart": charts.daily_line(stock),
        "flow_chart": charts.flow_bars(flow),
        "verdict": verdict,
    }


def honesty(book: Book) -> list[dict[str, Any]]:
    """One row a node kind, the largest first, with the share of each status."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for kind, status in book.names.graph_cells:
        count = book.number(f"graph.{kind}.{status}") or Decimal(0)
        kinds.setdefault(kind, []).append({"status": status, "count": count})
    rows = []
    for kind, parts in kinds.items():
        total = book.number(f"graph.{kind}.total") or Decimal(0)
        for part in parts:
            part["width"] = f"{part['count'] / total * 100:.2f}" if total else "0"
        rows.append({"kind": kind, "said": KIND_SAID.get(kind, ""), "parts": parts, "total": total})
    return sorted(rows, key=lambda row: (-row["total"], row["kind"]))


def closing(book: Book) -> dict[str, Any]:
    """Choose the words of the closing line from the state; the figures stay claims."""
    metrics = book.number("freshness.metrics") or Decimal(0)
    fresh = book.number("freshness.fresh") or Decimal(0)
    claims = book.number("graph.claim.total")
    grounded = book.number("graph.claim.grounded") or Decimal(0)
    evidence = "fresh" if metrics and fresh == metrics else "partly" if fresh else "old"
    debt = "unknown" if not claims else "small" if grounded * 2 > claims else "real"
    return {
        "evidence": evidence,
        "debt": debt,
        "failed": bool(book.number("checks.failed")),
        "broken": bool(book.number("checks.broken")),
    }


def combinations(book: Book) -> list[dict[str, Any]]:
    """The accounts by their three marks of bad debt; what is in transition stands apart."""
    return [
        {
            "combination": row["combination"],
            "is_consistent": row["is_consistent"],
            # What is not three marks (lifting) is a transition.
            "bits": [b == "1" for b in row["combination"]]
            if set(row["combination"]) <= {"0", "1"}
            else [],
        }
        for row in book.combinations
        if row["combination"] in book.names.combinations
    ]


DEBTS_FIRST = 10
"""Unbacked claims on the first page; the page of knowledge has more."""
_VERDICTS = ("refuted", "supported", "observable", "untested")


def patterns(book: Book) -> list[dict[str, Any]]:
    """One row a tracked pattern, those with the most tickets first, on all weeks of the window."""
    rows = []
    for row in book.patterns:
        seen = dict(book.points(f"pattern.{row['pattern_id']}.weekly"))
        points = [(week, seen.get(week, (Decimal(0),))) for week in book.names.weeks]
        chart = charts.sparkline(points, width=110, height=26) if seen else ""
        rows.append({"row": row, "chart": chart, "tickets": sum(v[0] for v in seen.values())})
    return sorted(rows, key=lambda r: (-r["tickets"], r["row"]["title"]))


def knowledge(book: Book) -> dict[str, Any]:
    """Hypotheses with their verdicts, and claims that nothing backs, by what rests on them.

    The first page shows what can be judged; the page of knowledge shows all of them.
    """
    rows = book.hypotheses or [node for node in book.nodes if node["kind"] == "hypothesis"]
    found = sorted(rows, key=lambda n: (_verdict(n), bool(n["is_simulated"]), n["title"]))
    return {
        "all": found,
        "first": [n for n in found if n["status"] in ("refuted", "supported", "observable")],
        "untested": [n for n in found if n["status"] == "untested"],
        "debts": [row for row in book.debts if row["node_id"] in book.names.debts],
        "debts_first": DEBTS_FIRST,
        "contradictions": [row for row in book.contradictions if not row["is_simulated"]],
    }


def _verdict(node: Mapping[str, Any]) -> int:
    status = node["status"]
    return _VERDICTS.index(status) if status in _VERDICTS else len(_VERDICTS)


def blast(book: Book) -> list[dict[str, Any]]:
    """One row a source of the graph: what rests on it, old sources first, then by their weight."""
    counts = book.table("graph.blast")
    rows = []
    for row in book.blasts:
        name = str(row["node_id"])
        stream = name.removeprefix("datasource.")
        if name in counts and stream in book.evidence.streams:
            source = book.evidence.source(stream)
            rows.append({"node_id": name, "stream": stream, "is_stale": source.is_stale})
    return sorted(rows, key=lambda r: (not r["is_stale"], -(counts[r["node_id"]][0] or 0)))
