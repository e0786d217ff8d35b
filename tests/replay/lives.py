"""What the truth says of each discrepancy's life, and of each day, written from the rules.

Shares no code and no SQL with the models: days are walked one after the other, as a person would.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

Key = tuple[str, str]
"""(entity, kind)."""


@dataclass
class Life:
    """A discrepancy as the ledger must know it on the last day."""

    first_seen: date
    last_seen: date
    days_open: int = 1
    reopened: int = 0
    state: str = "new"
    is_opening_stock: bool = False
    new_days: list[date] = field(default_factory=list)
    resolved_days: list[date] = field(default_factory=list)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(days=1)  # noqa: DTZ001


def _at(end: datetime, begins: str, ends: str | None) -> bool:
    return _moment(begins) <= end and (ends is None or end < _moment(ends))


def excluded_on(truth: dict[str, Any], detector: str, day: date) -> dict[str, str]:
    """Entity → reason, at the end of a day."""
    return {
        e["entity_id"]: e["reason"]
        for e in truth["exclusions"]
        if e["detector"] == detector and _at(end_of(day), e["from"], e["to"])
    }


def open_on(truth: dict[str, Any], detector: str, day: date) -> set[Key]:
    """What is open at the end of a day; an excluded entity has nothing open."""
    excluded = excluded_on(truth, detector, day)
    return {
        (d["entity_id"], d["kind"])
        for d in truth["discrepancies"]
        if d["detector"] == detector
        and d["entity_id"] not in excluded
        and _at(end_of(day), d["detectable_from"], d["ended"])
    }


def lives(truth: dict[str, Any], detector: str, days: list[date]) -> dict[Key, Life]:
    """Walk the observed days and return every discrepancy's life as of the last of them."""
    known: dict[Key, Life] = {}
    status: dict[Key, str] = defaultdict(lambda: "absent")
    for number, day in enumerate(days):
        excluded, found = excluded_on(truth, detector, day), open_on(truth, detector, day)
        for key in found | set(known):
            before = status[key]
            if key in found:
                status[key] = "open"
                _opened(known, key, day, before, is_first=number == 0)
            elif key[0] in excluded and before != "absent":
                status[key] = "suspended"
                known[key].state = "suspended"
            elif before != "absent":
                status[key] = "absent"
                known[key].state = "resolved"
                known[key].resolved_days.append(day)
    return known


def _opened(known: dict[Key, Life], key: Key, day: date, before: str, *, is_first: bool) -> None:
    life = known.get(key)
    if life is None:
        life = known[key] = Life(day, day, state="new", new_days=[day])
        if is_first:
            # Found by the first look, not opened by it.
            life.state, life.is_opening_stock, life.new_days = "persistent", True, []
        return
    life.last_seen = day
    life.days_open += 1
    life.state = "persistent"
    if before == "absent":
        life.reopened += 1
        life.state = "new"
        life.new_days.append(day)
