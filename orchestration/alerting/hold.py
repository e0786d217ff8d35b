"""When nobody may be told: quiet hours of an owner and mutes. Pure.

Hours are those of a clock on a wall in a time zone: on the days on which it is put forward or
back, a night is an hour shorter or longer. Nothing is lost: what is held is told afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestration.alerting.policy import Incident
from orchestration.errors import PermanentFailure

_TOKEN = re.compile(r"(?:([\w-]+)=)?(\d{2}:\d{2})-(\d{2}:\d{2})@([\w/+-]+)")


@dataclass(frozen=True)
class QuietHours:
    """From `start` to `end` on the zone's wall clock; over midnight when `end` is earlier."""

    start: time
    end: time
    zone: ZoneInfo

    def cover(self, now: datetime) -> bool:
        """Tell whether the (aware) moment lies in them; the end itself does not."""
        at = now.astimezone(self.zone).time().replace(tzinfo=None)
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


def parse_quiet_hours(text: str) -> dict[str, QuietHours]:
    """Read `22:00-07:00@Europe/Berlin billing-pipe=20:00-08:00@UTC`; "" is everybody else.

    Errors: PermanentFailure names what cannot be read.
    """
    found: dict[str, QuietHours] = {}
    for token in text.split():
        match = _TOKEN.fullmatch(token)
        try:
            if match is None:
                raise ValueError("it is not [owner=]HH:MM-HH:MM@Zone")
            owner, start, end, zone = match.groups()
            found[owner or ""] = QuietHours(
                time.fromisoformat(start), time.fromisoformat(end), ZoneInfo(zone)
            )
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise PermanentFailure(
                f"PAYGO_ALERT_QUIET_HOURS: {token!r} cannot be read: {error}.",
                todo="write it as 22:00-07:00@Europe/Berlin, with owner= before it for one owner.",
            ) from error
    return found


@dataclass(frozen=True)
class Mute:
    """Silence from `starts_at` up to `ends_at` (aware UTC) about a subject; see `matches`."""

    mute_id: str
    subject: str
    starts_at: datetime
    ends_at: datetime
    reason: str = ""

    def matches(self, incident: Incident) -> bool:
        """Tell whether the subject covers the incident.

        Subjects: `all`, an incident id, `source:stripe`, `owner:billing-pipe`, `metric:<id>`.
        A metric or owner covers an incident only when it is the only one concerned.
        """
        kind, _, name = self.subject.partition(":")
        if kind == "source":
            return incident.cause_kind == "late_source" and incident.cause == name
        if kind == "owner":
            return incident.owners == (name,)
        if kind == "metric":
            return incident.metrics == (name,)
        return self.subject in ("all", incident.incident_id)


def is_muted(incident: Incident, mutes: Sequence[Mute], now: datetime) -> bool:
    """Tell whether a mute covers the incident at this moment."""
    return any(m.starts_at <= now < m.ends_at and m.matches(incident) for m in mutes)


def is_quiet(incident: Incident, quiet: dict[str, QuietHours], now: datetime) -> bool:
    """Tell whether all owners have quiet hours; a critical incident that lives wakes them."""
    if incident.is_live and incident.severity == "critical":
        return False
    hours = [quiet.get(owner, quiet.get("")) for owner in incident.owners]
    return bool(hours) and all(h is not None and h.cover(now) for h in hours)
