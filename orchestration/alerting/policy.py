"""Which states are incidents, and how an incident lives. Pure: no clock, warehouse, network.

One incident a cause: a late source is one incident naming all its metrics, not eleven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

CauseKind = Literal["late_source", "metric_level", "check"]
Severity = Literal["warning", "critical"]
State = Literal["open", "acknowledged", "muted", "resolved"]


@dataclass(frozen=True)
class MetricState:
    """What the policy reads of one metric; `failed_checks` are check ids other than freshness."""

    metric_id: str
    title: str
    owner: str
    freshness: str
    stale_by_hours: float
    oldest_source: str
    level: str
    value: str
    unit: str
    failed_checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """Something that needs a person, as of one evaluation."""

    kind: CauseKind
    name: str
    severity: Severity
    owner: str
    metrics: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class Incident:
    """One row of `ops.incidents`; times aware UTC."""

    incident_id: str
    cause_kind: CauseKind
    cause: str
    severity: Severity
    state: State
    owner: str
    opened_at: datetime
    metrics: tuple[str, ...]
    message: str
    last_notified_at: datetime | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return (self.cause_kind, self.cause)


@dataclass(frozen=True)
class Changes:
    """What one evaluation changes; `opened` includes incidents that became more severe."""

    opened: tuple[Incident, ...]
    continued: tuple[Incident, ...]
    resolved: tuple[Incident, ...]


def causes_of(states: Sequence[MetricState]) -> list[Cause]:
    """Return every cause, late sources first; a stale metric's level is not judged."""
    return [*_late_sources(states), *_levels(states), *_checks(states)]


def _late_sources(states: Sequence[MetricState]) -> list[Cause]:
    late: dict[str, list[MetricState]] = {}
    for state in states:
        if state.freshness != "fresh":
            source = state.oldest_source.split(".")[0] or "unknown source"
            late.setdefault(source, []).append(state)
    causes = []
    for source, metrics in sorted(late.items()):
        worst = max(m.stale_by_hours for m in metrics)
        names = tuple(sorted(m.metric_id for m in metrics))
        message = (
            f"{source} is late: its oldest evidence is {worst:.0f} h old; "
            f"{len(names)} metric(s) stand on it: {', '.join(names)}"
        )
        owners = ", ".join(sorted({m.owner for m in metrics}))
        causes.append(Cause("late_source", source, "critical", owners, names, message))
    return causes


def _levels(states: Sequence[MetricState]) -> list[Cause]:
    return [
        Cause(
            "metric_level",
            s.metric_id,
            "critical" if s.level == "critical" else "warning",
            s.owner,
            (s.metric_id,),
            f"{s.title} is at {s.value} {s.unit}: {s.level}",
        )
        for s in states
        if s.freshness == "fresh" and s.level in ("warning", "critical")
    ]


def _checks(states: Sequence[MetricState]) -> list[Cause]:
    return [
        Cause("check", check, "warning", s.owner, (s.metric_id,), f"the check {check} did not pass")
        for s in states
        for check in s.failed_checks
    ]


def evaluate(
    causes: Iterable[Cause], known: Sequence[Incident], stale: frozenset[str], now: datetime
) -> Changes:
    """Compare causes with the incidents that are not resolved.

    A metric in `stale` cannot resolve its own level: nobody knows its level now.
    """
    live = {i.key: i for i in known if i.state != "resolved"}
    seen: dict[tuple[str, str], Cause] = {(c.kind, c.name): c for c in causes}
    opened, continued, resolved = [], [], []
    for key, cause in seen.items():
        incident = live.get(key)
        if incident is None:
            opened.append(_open(cause, now))
        elif cause.severity == "critical" and incident.severity == "warning":
            opened.append(_refresh(incident, cause, state="open"))
        else:
            continued.append(_refresh(incident, cause, state=incident.state))
    for key, incident in live.items():
        if key in seen:
            continue
        if incident.cause_kind == "metric_level" and incident.cause in stale:
            continued.append(incident)
        else:
            resolved.append(replace(incident, state="resolved", resolved_at=now))
    return Changes(tuple(opened), tuple(continued), tuple(resolved))


def _open(cause: Cause, now: datetime) -> Incident:
    return Incident(
        incident_id=f"{cause.kind}:{cause.name}:{now:%Y%m%dT%H%M%SZ}",
        cause_kind=cause.kind,
        cause=cause.name,
        severity=cause.severity,
        state="open",
        owner=cause.owner,
        opened_at=now,
        metrics=cause.metrics,
        message=cause.message,
    )


def _refresh(incident: Incident, cause: Cause, state: State) -> Incident:
    return replace(
        incident,
        severity=cause.severity,
        state=state,
        owner=cause.owner,
        metrics=cause.metrics,
        message=cause.message,
    )
