"""How an incident lives and when somebody is told. Pure: no clock, warehouse, network.

One incident a cause. What is due follows from the incident's own fields, not from the
evaluation that changed them: whatever is held back (quiet hours, a mute, no channel) is
due again at the next evaluation, and an evaluation repeated at one moment tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

CauseKind = Literal[
    "late_source", "metric_level", "check", "anomaly", "restatement", "delivery", "build"
]
Severity = Literal["warning", "critical"]
State = Literal["open", "acknowledged", "resolved"]
NoticeKind = Literal["opened", "reopened", "escalated", "reminder", "resolved"]

RANK = {"": 0, "warning": 1, "critical": 2}


@dataclass(frozen=True)
class Rules:
    """Thresholds of the policy; why each is what it is stands in the decision log.

    `repeat`: waits before the first, second … reminder of a severity; the last one goes on.
    `settle`: how long a cause must be gone before its incident resolves, by how often it was
    reopened: a flapping cause earns trust slowly. `reopen_within`: a cause that returns so soon
    after it was resolved is the same incident.
    """

    repeat: Mapping[Severity, tuple[timedelta, ...]] = field(
        default_factory=lambda: {
            "critical": (timedelta(hours=4), timedelta(hours=24)),
            "warning": (timedelta(days=7),),
        }
    )
    settle: tuple[timedelta, ...] = (timedelta(0), timedelta(days=3), timedelta(days=7))
    reopen_within: timedelta = timedelta(days=7)

    def wait(self, severity: Severity, reminders: int) -> timedelta:
        """Return the wait before the next reminder when `reminders` were sent."""
        waits = self.repeat[severity]
        return waits[min(reminders, len(waits) - 1)]

    def settling(self, reopened: int) -> timedelta:
        """Return how long the cause of an incident reopened so often must be gone."""
        return self.settle[min(reopened, len(self.settle) - 1)]


@dataclass(frozen=True)
class Cause:
    """Something that needs a person, as of one evaluation; `since`: when it began, if known."""

    kind: CauseKind
    name: str
    severity: Severity
    owners: tuple[str, ...]
    metrics: tuple[str, ...]
    message: str
    since: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.kind, self.name)


@dataclass(frozen=True)
class Incident:
    """One row of `ops.incidents`; times aware UTC.

    `announced_severity` and `announced_reopened`: what people were last told; `reminders`: how
    often since; `clear_since`: when the cause was first seen gone.
    """

    incident_id: str
    cause_kind: CauseKind
    cause: str
    severity: Severity
    state: State
    owners: tuple[str, ...]
    opened_at: datetime
    since: datetime
    metrics: tuple[str, ...]
    message: str
    reopened: int = 0
    clear_since: datetime | None = None
    announced_severity: str = ""
    announced_reopened: int = 0
    reminders: int = 0
    last_notified_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    resolved_at: datetime | None = None
    resolution_notified_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.cause_kind, self.cause)

    @property
    def is_live(self) -> bool:
        return self.state != "resolved"


@dataclass(frozen=True)
class Notice:
    """One thing to tell about one incident; the id is the same however often it is computed."""

    notice_id: str
    kind: NoticeKind
    incident: Incident


@dataclass(frozen=True)
class Evaluation:
    """Incidents after an evaluation (only those that it touched), and what to tell now."""

    incidents: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    notices: tuple[Notice, ...]
    held: tuple[Notice, ...]


def evaluate(
    causes: Iterable[Cause],
    known: Sequence[Incident],
    now: datetime,
    *,
    rules: Rules | None = None,
    undecided: Callable[[Incident], bool] = lambda _: False,
    is_held: Callable[[Incident], bool] = lambda _: False,
) -> Evaluation:
    """Compare causes with known incidents and say what is due at `now`.

    `undecided`: incidents about which this evaluation knows nothing; they neither clear nor
    resolve. `is_held`: incidents nobody may be told of now (quiet hours, mute, no channel).
    """
    rules = rules or Rules()
    seen = {c.key: c for c in causes}
    before = _newest(known)
    opened: list[Incident] = []
    resolved: list[Incident] = []
    touched: list[Incident] = []
    for key, cause in seen.items():
        last = before.get(key)
        incident = _present(cause, last, now, rules)
        if last is None or not last.is_live:
            opened.append(incident)
        touched.append(incident)
    for key, incident in before.items():
        if key in seen:
            continue
        if incident.is_live and not undecided(incident):
            incident = _absent(incident, now, rules)
            if not incident.is_live:
                resolved.append(incident)
        touched.append(incident)
    return _told(touched, opened, resolved, now, rules, is_held)


def _newest(known: Sequence[Incident]) -> dict[tuple[str, str], Incident]:
    """Return the last incident of every cause: the live one, or the one resolved last."""
    newest: dict[tuple[str, str], Incident] = {}
    for incident in sorted(known, key=lambda i: (i.is_live, i.resolved_at or i.opened_at)):
        newest[incident.key] = incident
    return newest


def _present(cause: Cause, last: Incident | None, now: datetime, rules: Rules) -> Incident:
    if last is None or (last.resolved_at and now - last.resolved_at > rules.reopen_within):
        return Incident(
            incident_id=f"{cause.kind}:{cause.name}:{now:%Y%m%dT%H%M%SZ}",
            cause_kind=cause.kind,
            cause=cause.name,
            severity=cause.severity,
            state="open",
            owners=cause.owners,
            opened_at=now,
            since=cause.since or now,
            metrics=cause.metrics,
            message=cause.message,
        )
    incident = replace(
        last,
        severity=cause.severity,
        owners=cause.owners,
        metrics=cause.metrics,
        message=cause.message,
        clear_since=None,
    )
    if not last.is_live:
        return replace(
            incident,
            state="open",
            reopened=last.reopened + 1,
            since=cause.since or now,
            acknowledged_at=None,
            acknowledged_by="",
            resolved_at=None,
            resolution_notified_at=None,
        )
    worse = RANK[cause.severity] > max(RANK[last.severity], RANK[last.announced_severity])
    if last.state == "acknowledged" and worse:
        # Somebody took the smaller trouble, nobody has taken this one.
        incident = replace(incident, state="open", acknowledged_at=None, acknowledged_by="")
    return incident


def _absent(incident: Incident, now: datetime, rules: Rules) -> Incident:
    clear_since = incident.clear_since or now
    if now - clear_since >= rules.settling(incident.reopened):
        return replace(incident, state="resolved", resolved_at=now, clear_since=clear_since)
    return replace(incident, clear_since=clear_since)


def due(incident: Incident, now: datetime, rules: Rules) -> NoticeKind | None:
    """Return what people are still to be told about an incident, None when they know all."""
    if not incident.is_live:
        was_told = incident.announced_severity and not incident.resolution_notified_at
        return "resolved" if was_told else None
    if incident.clear_since is not None:
        return None  # it looks over: either it settles or it comes back
    if not incident.announced_severity:
        return "opened"
    if incident.reopened > incident.announced_reopened:
        return "reopened"
    if RANK[incident.severity] > RANK[incident.announced_severity]:
        return "escalated"
    told_at = incident.last_notified_at
    if incident.state != "open" or told_at is None:
        return None
    is_time = now - told_at >= rules.wait(incident.severity, incident.reminders)
    return "reminder" if is_time else None


def _told(
    touched: Sequence[Incident],
    opened: Sequence[Incident],
    resolved: Sequence[Incident],
    now: datetime,
    rules: Rules,
    is_held: Callable[[Incident], bool],
) -> Evaluation:
    notices, held, after = [], [], []
    for incident in touched:
        kind = due(incident, now, rules)
        if kind is None:
            after.append(incident)
            continue
        notice = Notice(_notice_id(incident, kind), kind, incident)
        if is_held(incident):
            held.append(notice)
            after.append(incident)
        else:
            notices.append(notice)
            after.append(_announced(incident, kind, now))
    return Evaluation(tuple(after), tuple(opened), tuple(resolved), tuple(notices), tuple(held))


def _notice_id(incident: Incident, kind: NoticeKind) -> str:
    number = incident.reminders + 1 if kind == "reminder" else 0
    parts = [incident.incident_id, str(incident.reopened), kind]
    return "/".join(parts + ([incident.severity, str(number)] if number else []))


def _announced(incident: Incident, kind: NoticeKind, now: datetime) -> Incident:
    if kind == "resolved":
        return replace(incident, resolution_notified_at=now)
    worst = max(incident.severity, incident.announced_severity, key=lambda s: RANK[s])
    return replace(
        incident,
        last_notified_at=now,
        announced_severity=worst,
        announced_reopened=incident.reopened,
        reminders=incident.reminders + 1 if kind == "reminder" else 0,
    )
