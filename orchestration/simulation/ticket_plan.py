"""How many simulated tickets of which category and pattern come on which day.

The weeks W01..W12 of 2026 carry exact planted totals; days outside them follow the
same rate without exact totals. No words and no histories here.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from orchestration.simulation.ticket_words import frame, scenarios

WINDOW_START = date(2025, 12, 29)
WINDOW_WEEKS = 12
_WEEKDAY_WEIGHTS = (13.0, 13.0, 12.5, 12.5, 12.0, 10.0, 10.0)
_DAILY_RATE = 12


@dataclass(frozen=True)
class Slot:
    """One escalated ticket to be written."""

    day: date
    category: str
    pattern: str | None
    is_blocked: bool


def spread(total: int, weights: list[float]) -> list[int]:
    """Split `total` in proportion to `weights`, exactly (largest remainders, ties to the first)."""
    scale = sum(weights)
    exact = [total * weight / scale for weight in weights]
    counts = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for index in order[: total - sum(counts)]:
        counts[index] += 1
    return counts


def plan(draw: random.Random, start: datetime, end: datetime) -> list[Slot]:
    """Return the escalated tickets from `start` (inclusive) to `end` (exclusive), by day."""
    slots = _window(draw)
    days = _days(start, end)
    outside = [d for d in days if not 0 <= (d - WINDOW_START).days < 7 * WINDOW_WEEKS]
    for day in outside:
        slots.extend(_outside_day(draw, day, _share_of_day(day, start, end)))
    wanted = set(days)
    return sorted((s for s in slots if s.day in wanted), key=lambda s: s.day)


def _days(start: datetime, end: datetime) -> list[date]:
    first = start.astimezone(UTC).date()
    last = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _share_of_day(day: date, start: datetime, end: datetime) -> float:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    begins = max(midnight, start)
    ends = min(midnight + timedelta(days=1), end)
    return (ends - begins) / timedelta(days=1)


def _window(draw: random.Random) -> list[Slot]:
    weekly = _weekly_counts()
    slots: list[Slot] = []
    for category, counts in weekly.items():
        kinds = _kinds(draw, category, counts)
        blocked = _blocked_flags(draw, category, len(kinds))
        slots.extend(
            Slot(_day_of(draw, week), category, pattern, is_blocked)
            for (week, pattern), is_blocked in zip(kinds, blocked, strict=True)
        )
    return slots


def _weekly_counts() -> dict[str, list[int]]:
    calendar = frame()
    counts = {
        name: spread(entry["total"], calendar["shapes"][entry["shape"]])
        for name, entry in calendar["categories"].items()
    }
    everything = spread(calendar["escalated_total"], [1.0] * WINDOW_WEEKS)
    counts["unclassified"] = [
        total - sum(column)
        for total, column in zip(everything, zip(*counts.values(), strict=True), strict=True)
    ]
    return counts


def _kinds(draw: random.Random, category: str, counts: list[int]) -> list[tuple[int, str | None]]:
    """(week 1..12, pattern) of each ticket: every live pattern at least once a week."""
    kinds: list[tuple[int, str | None]] = []
    for week, count in enumerate(counts, start=1):
        live = _live_patterns(category, week)
        if len(live) > count:
            raise ValueError(f"W{week:02d}: {count} {category} tickets for {len(live)} patterns")
        kinds.extend((week, pattern) for pattern in live)
        kinds.extend((week, _any_kind(draw, category, live)) for _ in range(count - len(live)))
    return kinds


def _live_patterns(category: str, week: int) -> list[str]:
    owners = {s.pattern: s.category for s in scenarios() if s.pattern}
    return [
        name
        for name, (first, last) in frame()["patterns"].items()
        if owners[name] == category and first <= week <= last
    ]


def _any_kind(draw: random.Random, category: str, live: list[str]) -> str | None:
    free = sum(1 for s in scenarios() if s.category == category and s.pattern is None)
    choices: list[str | None] = [*live, *([None] * free)]
    return draw.choice(choices)


def _blocked_flags(draw: random.Random, category: str, size: int) -> list[bool]:
    blocked = frame()["categories"].get(category, {"blocked": 0})["blocked"]
    flags = [index < blocked for index in range(size)]
    draw.shuffle(flags)
    return flags


def _day_of(draw: random.Random, week: int) -> date:
    weekday = draw.choices(range(7), _WEEKDAY_WEIGHTS)[0]
    return WINDOW_START + timedelta(days=7 * (week - 1) + weekday)


def _outside_day(draw: random.Random, day: date, share: float) -> list[Slot]:
    totals = Counter({name: e["total"] for name, e in frame()["categories"].items()})
    totals["unclassified"] = frame()["escalated_total"] - sum(totals.values())
    week = 1 if day < WINDOW_START else WINDOW_WEEKS
    slots = []
    for _ in range(round(_DAILY_RATE * share)):
        category = draw.choices(list(totals), list(totals.values()))[0]
        pattern = _any_kind(draw, category, _live_patterns(category, week))
        entry = frame()["categories"].get(category, {"blocked": 0, "total": 1})
        slots.append(
            Slot(day, category, pattern, draw.random() < entry["blocked"] / entry["total"])
        )
    return slots
