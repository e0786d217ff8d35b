"""Claims of the weekly digest: the week in total, by category and by pattern, and how sure it is.

A claim may hold a table when that is what a reader asks for at once: one row a key, `/`
between its figures, nothing where a figure is not known. The site and `paygo digest` declare
the same claims from here; nothing here runs a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dashboards.claim import Claim, Format, quoted
from dashboards.claim_families import TICKET_STREAMS
from orchestration.owners import SUPPORT_OWNER

WEEK_COLUMNS = (
    "tickets",
    "tickets_low",
    "tickets_high",
    "change",
    "engineering_blocked",
    "engineering_blocked_percent",
    "support_cases",
)
"""Figures of a category in a week, in the order in which `digest.<week>.categories` has them."""

WINDOW_COLUMNS = (
    "tickets",
    "tickets_low",
    "tickets_high",
    "peak_tickets",
    "trend_per_week",
    "trend_low",
    "trend_high",
)
"""Figures of a category over the window, in the order of `tickets.intervals`."""

PATTERN_COLUMNS = ("tickets", "change")
"""Figures of a pattern in a week, in the order of `digest.<week>.patterns`."""

MOST_CANDIDATES = 5


def _claim(claim_id: str, sentence: str, sql: str, unit: str, kind: Format) -> Claim:
    return Claim(claim_id, sentence, sql, unit, kind, SUPPORT_OWNER, streams=TICKET_STREAMS)


def digest_claims(weeks: Iterable[str]) -> Iterator[Claim]:
    """Everything a digest counts in its week; the first week has no week before it."""
    for place, week in enumerate(weeks):
        table = f"from reporting.rpt_tickets_weekly\nwhere iso_week = {quoted(week)}"
        totals = [
            ("total", "Tickets that reached engineering", "tickets"),
            ("blocked", "Tickets that only an engineer can close", "engineering_blocked"),
            ("cases", "Support cases that hang on its tickets", "support_cases"),
            ("change", "Tickets more than in the week before", "change"),
        ]
        for name, sentence, column in totals if place else totals[:-1]:
            unit = "support cases" if name == "cases" else "tickets in the ISO week"
            yield _claim(
                f"digest.{week}.{name}",
                f"{sentence}, week {week}",
                f"select sum({column})\n{table}",
                unit,
                "signed" if name == "change" else "integer",
            )
        days = (
            "select cast(min(week_start_date) as string) || ' to '\n"
            f"  || cast(max(week_start_date) + 6 as string)\n{table}"
        )
        yield _claim(f"digest.{week}.days", f"Days of week {week}", days, "UTC days", "text")
        yield _claim(
            f"digest.{week}.categories",
            f"Week {week} by category",
            _table_of("category", WEEK_COLUMNS, table),
            "tickets/lowest/highest by measured error/change/need an engineer/percent/cases",
            "series",
        )
        yield _claim(
            f"digest.{week}.patterns",
            f"Week {week} by pattern",
            _table_of(
                "pattern_id",
                PATTERN_COLUMNS,
                f"from reporting.rpt_pattern_weeks\nwhere iso_week = {quoted(week)}",
            ),
            "tickets/change, by pattern",
            "series",
        )
        yield _candidates(week)


def _candidates(week: str) -> Claim:
    """Groups by rank and not by name: a group is named by one of its tickets."""
    ranked = (
        "select\n    tickets,\n"
        "    row_number() over (order by tickets desc, candidate_id) as place\n"
        "  from reporting.rpt_ticket_candidates\n"
        f"  where last_week >= {quoted(week)} and category <> 'unclassified'"
    )
    return _claim(
        f"digest.{week}.candidates",
        f"Largest groups of alike tickets without a pattern, seen since {week}",
        "select coalesce(string_agg(cast(place as string) || '=' || cast(tickets as string), ','\n"
        f"  order by place), '')\nfrom (\n  {ranked}\n) as ranked\n"
        f"where place <= {MOST_CANDIDATES}",
        "tickets, by rank of the group",
        "series",
    )


def classifier_claims() -> Iterator[Claim]:
    """How sure the categories are, and what that means for each count of the window."""
    table = "from reporting.rpt_ticket_quality"
    right = "100.0 * sum(correct_tickets) / nullif(sum(tested_tickets), 0)"
    figures: tuple[tuple[str, str, str, str, Format], ...] = (
        ("tested", "Labelled tickets it was tested on", "sum(tested_tickets)", "tickets", "number"),
        ("right", "Tested tickets put into the right category", right, "percent", "percent"),
        ("macro_f1", "Mean F1 of the categories", "avg(f1)", "score, 0 to 1", "number"),
    )
    for name, sentence, column, unit, kind in figures:
        yield _claim(f"tickets.quality.{name}", sentence, f"select {column}\n{table}", unit, kind)
    yield _claim(
        "tickets.intervals",
        "Window by category, with the interval of the classifier's measured error",
        _table_of("category", WINDOW_COLUMNS, "from reporting.rpt_ticket_categories"),
        "tickets/lowest/highest/peak/trend a week/its lowest/its highest",
        "series",
    )


def _table_of(key: str, columns: Iterable[str], source: str) -> str:
    """One row a key as `key=a/b/c`; a missing figure leaves its place empty."""
    cells = " || '/'\n    || ".join(f"coalesce(cast({c} as string), '')" for c in columns)
    return f"select string_agg({key} || '='\n    || {cells}, ',' order by {key})\n{source}"
