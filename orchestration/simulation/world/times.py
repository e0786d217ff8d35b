"""The world's calendar: epoch seconds inside, ISO text in rows. No state of the world here."""

from __future__ import annotations

from datetime import UTC, datetime

DAY = 86_400
HOUR = 3_600


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


START = _epoch("2025-12-24T00:00:00+00:00")
FIRST_BOUNDARY = _epoch("2026-02-22T00:00:00+00:00")
LAST_DAY_END = _epoch("2026-03-24T00:00:00+00:00")
NOW = _epoch("2026-03-24T06:00:00+00:00")
KEY_REVOKED = _epoch("2026-03-22T06:00:00+00:00")
DELIVERED = _epoch("2026-03-09T00:00:00+00:00")
"""Scenario `shipped`: the workstreams are in production from here on."""
EVENTS_FROM = FIRST_BOUNDARY - 30 * DAY
"""Older events have left Stripe's 30-day window at the first extraction."""

BOUNDARIES: tuple[int, ...] = (*range(FIRST_BOUNDARY, LAST_DAY_END + 1, DAY), NOW)
"""Moments at which the sources are extracted; changes are grouped by them."""

_CLOCK = tuple(f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(DAY))
_DATES: dict[int, str] = {}


def date_text(moment: int) -> str:
    """UTC date of an epoch second: `2026-03-01`."""
    day = moment // DAY
    text = _DATES.get(day)
    if text is None:
        text = datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")
        _DATES[day] = text
    return text


def iso(moment: int) -> str:
    """Epoch second as `2026-03-01T10:00:00Z`."""
    return date_text(moment) + _CLOCK[moment % DAY] + "Z"


def iso_or_none(moment: int | None) -> str | None:
    """As `iso`, and None stays None."""
    return None if moment is None else iso(moment)


def iso_micro(micros: int) -> str:
    """Epoch microsecond as `2026-03-01T10:00:00.123456Z`."""
    moment, rest = divmod(micros, 1_000_000)
    return f"{date_text(moment)}{_CLOCK[moment % DAY]}.{rest:06d}Z"


def epoch(text: str) -> int:
    """Inverse of `iso` for whole seconds."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def at(text: str) -> int:
    """Epoch second of a UTC moment written without a zone: `2026-03-01T10:00`."""
    return _epoch(text + "+00:00")


def add_months(moment: int, months: int) -> int:
    """Same day and time `months` later; the day is cut to 28 so that every month has it."""
    when = datetime.fromtimestamp(moment, UTC)
    index = when.year * 12 + when.month - 1 + months
    day = min(when.day, 28)
    return int(when.replace(year=index // 12, month=index % 12 + 1, day=day).timestamp())


def stamp(moment: int) -> str:
    """Folder form of a moment: `20260222T000000Z`."""
    return iso(moment).replace("-", "").replace(":", "")
