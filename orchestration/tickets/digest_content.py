"""What the weekly digest says: every number read from reporting models, none made up here.

Belongs here: reading and ordering. Does not: rendering, writing, sending.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from orchestration.errors import PermanentFailure
from orchestration.tickets.reports import Rows, by_number

SHOWN_STATES = ("new", "growing", "gone")
_MOST_PATTERNS = 5

_WEEKLY = """
select iso_week, category, tickets, change, engineering_blocked, sure_tickets, tickets_low,
    tickets_high, support_cases, ticket_keys
from reporting.rpt_tickets_weekly
order by week_start_date
"""
_CATEGORIES = """
select category, title, workstream, link, mechanism, metric_id, tickets, tickets_low,
    tickets_high, peak_week, peak_tickets, cases_per_ticket, trend_per_week, trend_low,
    trend_high, trend_direction
from reporting.rpt_ticket_categories
order by tickets desc, category
"""
_METRICS = """
select metric_id, title, unit, workstream, value, value_date, as_of, evidence, freshness,
    stale_by_hours, oldest_source, level
from reporting.rpt_metric_status
order by metric_id
"""
_PATTERNS = """
select weeks.pattern_id, weeks.category, patterns.title, patterns.description, weeks.tickets,
    weeks.change, weeks.state, weeks.ticket_keys, patterns.first_week, patterns.last_week,
    patterns.trend_per_week, patterns.trend_low, patterns.trend_high, patterns.trend_direction
from reporting.rpt_pattern_weeks as weeks
inner join reporting.rpt_patterns as patterns on weeks.pattern_id = patterns.pattern_id
where weeks.iso_week = ?
order by patterns.display_order
"""
_QUALITY = """
select sum(tested_tickets) as tickets, sum(correct_tickets) as correct, avg(f1) as macro_f1
from reporting.rpt_ticket_quality
"""
_CANDIDATES = """
select candidate_id, category, terms, tickets, ticket_keys
from reporting.rpt_ticket_candidates
where last_week >= ? and category <> 'unclassified'
order by tickets desc, candidate_id
limit 5
"""


@dataclass(frozen=True)
class CategoryLine:
    """One category in the week: the category's row, the week's row, the metric's row or None."""

    category: dict[str, Any]
    week: dict[str, Any]
    metric: dict[str, Any] | None
    keys: tuple[str, ...]

    @property
    def title(self) -> str:
        return str(self.category["title"])

    @property
    def tickets(self) -> int:
        return int(self.week["tickets"])

    @property
    def change(self) -> int | None:
        """Tickets more (or less) than in the week before; None when that is not known."""
        change = self.week["change"]
        return None if change is None else int(change)

    @property
    def blocked(self) -> int:
        return int(self.week["engineering_blocked"])

    @property
    def blocked_percent(self) -> str:
        """Share that needs an engineer's act, in percent; a dash without tickets."""
        return f"{100 * self.blocked / self.tickets:.0f} %" if self.tickets else "–"

    @property
    def workstream(self) -> str:
        return str(self.category["workstream"] or "none")

    @property
    def cases(self) -> int:
        return int(self.week["support_cases"])

    @property
    def anchor(self) -> str:
        """Place of the category's tickets within the page."""
        return f"tickets-{self.category['category']}"


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


def content_of(warehouse: Rows, week: str) -> dict[str, Any]:
    """Return everything that the digest of a week says.

    PermanentFailure: what is no week, a week that the window does not hold, counts whose
    keys are missing.
    """
    first_day = week_start(week)
    weekly = warehouse.rows(_WEEKLY)
    known = sorted({row["iso_week"] for row in weekly})
    if week not in known:
        span = f"{known[0]} to {known[-1]}" if known else "no week at all"
        raise PermanentFailure(
            f"The warehouse has no tickets of {week}; it knows {span}.",
            tried="write the weekly digest",
            todo="Name a week of that window, or run the pipeline first.",
        )
    metrics = {r["metric_id"]: r | {"status": _status(r)} for r in warehouse.rows(_METRICS)}
    lines = _lines(warehouse, [row for row in weekly if row["iso_week"] == week], metrics)
    behind = {line.metric["metric_id"]: line.metric for line in lines if line.metric}
    changes = [line.change for line in lines]
    return {
        "week": week,
        "first_day": first_day,
        "last_day": first_day + timedelta(days=6),
        "lines": lines,
        "total": sum(line.tickets for line in lines),
        "change": None if None in changes else sum(c for c in changes if c is not None),
        "blocked": sum(line.blocked for line in lines),
        "cases": sum(line.cases for line in lines),
        "news": _news(lines, week),
        "patterns": _patterns(warehouse, week),
        "candidates": [
            row | {"keys": by_number(row["ticket_keys"])}
            for row in warehouse.rows(_CANDIDATES, (week,))
        ],
        "metrics": list(behind.values()),
        "quality": _quality(warehouse),
        "window": f"{known[0]} to {known[-1]}",
    }


def _status(metric: dict[str, Any]) -> str:
    if metric["freshness"] == "stale":
        return f"stale by {metric['stale_by_hours']} h ({metric['oldest_source']})"
    return str(metric["freshness"])


def _lines(
    warehouse: Rows, weekly: list[dict[str, Any]], metrics: dict[str, dict[str, Any]]
) -> list[CategoryLine]:
    of_week = {row["category"]: row for row in weekly}
    lines = [
        CategoryLine(
            category=row,
            week=of_week[row["category"]],
            metric=metrics.get(row["metric_id"] or ""),
            keys=tuple(by_number(of_week[row["category"]]["ticket_keys"])),
        )
        for row in warehouse.rows(_CATEGORIES)
        if row["category"] in of_week
    ]
    shown = {line.category["category"] for line in lines}
    wrong = [line.category["category"] for line in lines if len(line.keys) != line.tickets]
    wrong += sorted(set(of_week) - shown)
    if wrong:
        raise PermanentFailure(
            f"Counts and ticket keys of the week disagree for {', '.join(wrong)}.",
            tried="write the weekly digest",
            todo="Build the models again: rpt_tickets_weekly and rpt_ticket_categories differ.",
        )
    return lines


def _patterns(warehouse: Rows, week: str) -> dict[str, list[dict[str, Any]]]:
    """Patterns that are new, growing or gone in the week, and those with most tickets."""
    rows = [
        row | {"keys": by_number(row["ticket_keys"])} for row in warehouse.rows(_PATTERNS, (week,))
    ]
    found = {state: [r for r in rows if r["state"] == state] for state in SHOWN_STATES}
    seen = [row for row in rows if row["tickets"]]
    found["top"] = sorted(seen, key=lambda r: (-r["tickets"], r["pattern_id"]))[:_MOST_PATTERNS]
    return found


def _quality(warehouse: Rows) -> dict[str, Any] | None:
    (row,) = warehouse.rows(_QUALITY)
    if not row["tickets"]:
        return None
    right = Decimal(row["correct"]) * 100 / Decimal(row["tickets"])
    return {
        "tickets": int(row["tickets"]),
        "right_percent": f"{right:.1f}",
        "macro_f1": f"{Decimal(str(row['macro_f1'])):.3f}",
    }


def _news(lines: list[CategoryLine], week: str) -> list[str]:
    """What changed and why it matters: the largest rise and fall, clear trends, peaks."""
    real = [line for line in lines if line.category["category"] != "unclassified"]
    moved = [line for line in real if line.change]
    moved.sort(key=lambda line: (-abs(line.change or 0), line.title))
    rises = [line for line in moved if (line.change or 0) > 0][:1]
    falls = [line for line in moved if (line.change or 0) < 0][:1]
    news = [_moved(line) for line in rises + falls]
    for line in real:
        row = line.category
        if row["trend_direction"] in ("rising", "falling"):
            news.append(
                f"{line.title} is {row['trend_direction']} over the window by "
                f"{signed(row['trend_per_week'])} tickets a week (95 % interval from the "
                f"classifier's measured error {signed(row['trend_low'])} to "
                f"{signed(row['trend_high'])})."
            )
    for line in real:
        if line.tickets and line.category["peak_week"] == week:
            news.append(f"{line.title} is at its peak of the window ({line.tickets} tickets).")
    return news or ["No category changed against the week before."]


def _moved(line: CategoryLine) -> str:
    change = line.change or 0
    verb = "rose" if change > 0 else "fell"
    text = f"{line.title} {verb} from {line.tickets - change} to {line.tickets} tickets"
    text += f"; {line.blocked} need an engineer."
    if line.workstream != "none":
        text += f" {line.workstream} is meant to change this: {line.category['mechanism']}"
    return text


def signed(value: Decimal | int | None) -> str:
    """Return a change with its sign, a dash when it is not known."""
    if value is None:
        return "–"
    number = Decimal(value)
    if not number:
        return "0"
    text = f"{number:+f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
