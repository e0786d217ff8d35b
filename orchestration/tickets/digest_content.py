"""What the weekly digest says: every number is the figure of a claim, none is made up here.

Belongs here: choosing and ordering. Does not: the queries (`dashboards.claim_digest`),
rendering, writing, sending. Words, and the keys of the tickets, are read from reporting models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dashboards.claim_digest import PATTERN_COLUMNS, WEEK_COLUMNS, WINDOW_COLUMNS
from dashboards.editions import Result
from dashboards.figures import UNKNOWN, Figure, Figures, Form, Part
from orchestration.errors import PermanentFailure
from orchestration.tickets.reports import by_number

SHOWN_STATES = ("new", "growing", "gone")
_MOST_PATTERNS = 5
_SIGNED = frozenset({"change", "trend_per_week", "trend_low", "trend_high"})


@dataclass(frozen=True)
class CategoryLine:
    """One category: its words, its figures of the week and of the window, its metric."""

    category: dict[str, Any]
    title: Part
    week: dict[str, Figure]
    window: dict[str, Figure]
    metric: dict[str, Any] | None
    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        return str(self.category["category"])

    @property
    def workstream(self) -> str:
        return str(self.category["workstream"] or "none")

    @property
    def anchor(self) -> str:
        """Place of the category's tickets within the page."""
        return f"tickets-{self.name}"


def week_start(week: str) -> date:
    """Return the Monday of an ISO week such as 2026-W12; PermanentFailure when it is none."""
    match = re.fullmatch(r"(\d{4})-W(\d{2})", week)
    try:
        if match:
            return date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        pass
    raise PermanentFailure(f"{week!r} is not an ISO week.", todo="Write it as 2026-W12.")


def week_label(day: date) -> str:
    """Return the ISO week that a day belongs to, such as 2026-W12."""
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def content_of(figures: Figures, week: str) -> dict[str, Any]:
    """Return everything that the digest of a week says.

    PermanentFailure: what is no week, a week that the window does not hold, counts whose
    keys are missing.
    """
    week_start(week)
    known = figures.names.weeks if figures.names.categories else ()
    if week not in known:
        span = f"{known[0]} to {known[-1]}" if known else "no week at all"
        raise PermanentFailure(
            f"The warehouse has no tickets of {week}; it knows {span}.",
            tried="write the weekly digest",
            todo="Name a week of that window, or run the pipeline first.",
        )
    lines = _lines(figures, week)
    behind = {line.metric["metric_id"]: line.metric for line in lines if line.metric}
    change = f"digest.{week}.change"
    content = {
        "week": week,
        "days": figures.one(f"digest.{week}.days", "words"),
        "lines": lines,
        "total": figures.one(f"digest.{week}.total"),
        "change": figures.one(change, "signed") if figures.has(change) else UNKNOWN,
        "blocked": figures.one(f"digest.{week}.blocked"),
        "cases": figures.one(f"digest.{week}.cases"),
        "news": _news(figures, lines, week),
        "patterns": _patterns(figures, week),
        "candidates": _candidates(figures, week),
        "metrics": list(behind.values()),
        "quality": _quality(figures),
        "window": f"{known[0]} to {known[-1]}",
    }
    return content | {"sources": _sources(figures)}


def _sources(figures: Figures) -> list[Result]:
    """Where each number of the text comes from, by claim id."""
    return [figures.taken[claim_id] for claim_id in sorted(figures.taken)]


def _figures_of(
    figures: Figures, claim_id: str, columns: Sequence[str]
) -> dict[str, dict[str, Figure]]:
    """Return the rows of a table claim as figures, by key and column."""
    forms: dict[str, Form] = {c: "signed" if c in _SIGNED else "number" for c in columns}
    forms["engineering_blocked_percent"] = "percent"
    return {
        key: {c: Figure(claim_id, v, forms[c]) for c, v in zip(columns, row, strict=True)}
        for key, row in figures.rows(claim_id).items()
    }


def _lines(figures: Figures, week: str) -> list[CategoryLine]:
    of_week = _figures_of(figures, f"digest.{week}.categories", WEEK_COLUMNS)
    window = _figures_of(figures, "tickets.intervals", WINDOW_COLUMNS)
    keys = {
        row["category"]: tuple(by_number(row["ticket_keys"]))
        for row in figures.rows_of("rpt_tickets_weekly", "category")
        if row["iso_week"] == week
    }
    rows = figures.rows_of("rpt_ticket_categories", "tickets desc, category")
    lines = [
        CategoryLine(
            category=row,
            title=figures.words(f"tickets.{row['category']}.title", row["title"]),
            week=of_week[row["category"]],
            window=window[row["category"]],
            metric=_metric(figures, row["metric_id"]),
            keys=keys[row["category"]],
        )
        for row in rows
        if row["category"] in of_week
    ]
    wrong = [line.name for line in lines if len(line.keys) != line.week["tickets"].number]
    wrong += sorted(set(of_week) - {line.name for line in lines})
    if wrong:
        raise PermanentFailure(
            f"Counts and ticket keys of the week disagree for {', '.join(wrong)}.",
            tried="write the weekly digest",
            todo="Build the models again: rpt_tickets_weekly and rpt_ticket_categories differ.",
        )
    return lines


def _metric(figures: Figures, metric_id: str | None) -> dict[str, Any] | None:
    """The words of a metric with its value, the day of it and how old its evidence is."""
    row = figures.book.metrics.get(metric_id or "")
    if row is None:
        return None
    prefix = f"metric.{metric_id}"
    status: list[Part] = [str(row["freshness"])]
    if row["freshness"] == "stale":
        late = figures.one(f"{prefix}.stale_by", "hours")
        status = ["stale by ", late, f" ({row['oldest_source']})"]
    return {
        **{c: row[c] for c in ("metric_id", "workstream", "evidence", "level")},
        "title": figures.words(f"{prefix}.title", row["title"]),
        "unit": figures.words(f"{prefix}.unit", row["unit"]),
        "value": figures.one(f"{prefix}.value"),
        "value_date": figures.one(f"{prefix}.value_date", "words"),
        "status": status,
    }


def _patterns(figures: Figures, week: str) -> dict[str, list[dict[str, Any]]]:
    """Patterns that are new, growing or gone in the week, and those with most tickets."""
    counts = _figures_of(figures, f"digest.{week}.patterns", PATTERN_COLUMNS)
    words = {row["pattern_id"]: row for row in figures.rows_of("rpt_patterns", "display_order")}
    rows = [
        {**words[row["pattern_id"]], **row, **counts[row["pattern_id"]]}
        | {
            c: figures.words(f"pattern.{row['pattern_id']}.{c}", words[row["pattern_id"]][c])
            for c in ("title", "description")
        }
        | {"keys": by_number(row["ticket_keys"])}
        for row in figures.rows_of("rpt_pattern_weeks", "pattern_id")
        if row["iso_week"] == week and row["pattern_id"] in words
    ]
    rows.sort(key=lambda row: (row["display_order"], row["pattern_id"]))
    found = {state: [r for r in rows if r["state"] == state] for state in SHOWN_STATES}
    seen = [row for row in rows if row["tickets"].number]
    seen.sort(key=lambda row: (-row["tickets"].number, row["pattern_id"]))
    found["top"] = seen[:_MOST_PATTERNS]
    return found


def _candidates(figures: Figures, week: str) -> list[dict[str, Any]]:
    """Groups of alike tickets that no pattern catches, the largest first."""
    counts = _figures_of(figures, f"digest.{week}.candidates", ("tickets",))
    groups = [
        row
        for row in figures.rows_of("rpt_ticket_candidates", "tickets desc, candidate_id")
        if row["last_week"] >= week and row["category"] != "unclassified"
    ]
    return [
        {**row, **figure, "keys": by_number(row["ticket_keys"])}
        for row, figure in zip(groups, counts.values(), strict=False)
    ]


def _quality(figures: Figures) -> dict[str, Figure] | None:
    if not figures.one("tickets.quality.tested").number:
        return None
    return {
        "tickets": figures.one("tickets.quality.tested"),
        "right": figures.one("tickets.quality.right", "percent"),
        "macro_f1": figures.one("tickets.quality.macro_f1", "score"),
    }


def _news(figures: Figures, lines: list[CategoryLine], week: str) -> list[list[Part]]:
    """What changed and why it matters: the largest rise and fall, clear trends, peaks."""
    real = [line for line in lines if line.name != "unclassified"]
    moved = [line for line in real if line.week["change"].number]
    moved.sort(key=lambda line: (-abs(line.week["change"].number), line.name))
    rises = [line for line in moved if line.week["change"].number > 0][:1]
    falls = [line for line in moved if line.week["change"].number < 0][:1]
    news = [_moved(figures, line, week) for line in rises + falls]
    for line in real:
        if line.category["trend_direction"] in ("rising", "falling"):
            went = f" is {line.category['trend_direction']} over the window by "
            low, high = line.window["trend_low"], line.window["trend_high"]
            news.append(
                [
                    *(line.title, went, line.window["trend_per_week"], " tickets a week ("),
                    *(low, " to ", high, " with the classifier's measured error)."),
                ]
            )
    for line in real:
        if line.week["tickets"].number and line.category["peak_week"] == week:
            peak = line.week["tickets"]
            news.append([line.title, " is at its peak of the window (", peak, " tickets)."])
    return news or [["No category changed against the week before."]]


def _moved(figures: Figures, line: CategoryLine, week: str) -> list[Part]:
    weeks = figures.names.weeks
    before = f"digest.{weeks[weeks.index(week) - 1]}.categories"
    then = _figures_of(figures, before, WEEK_COLUMNS)[line.name]["tickets"]
    verb = " rose from " if line.week["change"].number > 0 else " fell from "
    text: list[Part] = [line.title, verb, then, " to ", line.week["tickets"], " tickets; "]
    text += [line.week["engineering_blocked"], " need an engineer."]
    if line.workstream != "none":
        mechanism = figures.one(f"tickets.{line.name}.mechanism", "words")
        text += [f" {line.workstream} is meant to change this: ", mechanism]
    return text
