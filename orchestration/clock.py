"""Injected time: whoever needs "now" is handed a clock. Nothing else reads the system's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """Return the current moment, timezone-aware UTC."""
        ...


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still at `at` (aware; converted to UTC)."""

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"FixedClock needs a time with a zone, got {self.at.isoformat()}")

    def now(self) -> datetime:
        return self.at.astimezone(UTC)


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def parse_utc(text: str) -> datetime:
    """Parse an ISO-8601 time with a zone into aware UTC; ValueError says what is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-03-24T06:00:00Z")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Format as `2026-03-24T06:00:00Z` (microseconds only when there are any)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
