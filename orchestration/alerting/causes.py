"""From states to causes: which states need a person, and which of them are one matter. Pure.

Belongs here: grouping (a late source is one cause with all its metrics, a checker that cannot
look is one cause) and severity. Does not: how an incident lives (`policy`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from expectations.checks import WRONG_NUMBER_RULES
from orchestration.alerting.policy import Cause, Incident, Severity
from orchestration.owners import PLATFORM_OWNER

CRITICAL_AGE_HOURS = 48
"""Evidence so old makes a late source critical: one missed night is a warning, two are not."""


@dataclass(frozen=True)
class CheckState:
    """A check that did not pass at the last evaluation of the checks."""

    check_id: str
    suite: str
    subject_kind: str
    subject: str
    rule: str
    verdict: str
    message: str


@dataclass(frozen=True)
class StreamState:
    """A stream and how late it is at the moment of the evaluation; `is_late` by its window."""

    stream: str
    is_late: bool
    age_hours: float | None
    fresh_until: datetime | None = None
    last_error: str = ""

    @property
    def source(self) -> str:
        return self.stream.split(".")[0]


@dataclass(frozen=True)
class MetricState:
    """What the causes read of one metric, freshness as of the evaluation."""

    metric_id: str
    title: str
    owner: str
    freshness: str
    stale_by_hours: float
    oldest_source: str
    level: str
    value: str
    unit: str
    value_date: str = ""
    threshold: str = ""
    streams: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restated:
    """Past values of a metric that changed although neither data nor definition did."""

    metric_id: str
    values: int
    last: str


def causes_of(
    metrics: Sequence[MetricState],
    streams: Sequence[StreamState] = (),
    checks: Sequence[CheckState] = (),
    restated: Sequence[Restated] = (),
) -> list[Cause]:
    """Return every cause of one evaluation, late sources first."""
    owners = {m.metric_id: m.owner for m in metrics}
    return [
        *_late_sources(metrics, streams),
        *_levels(metrics),
        *_broken(checks, metrics),
        *_failed(checks, metrics),
        *(
            Cause(
                "restatement",
                r.metric_id,
                "warning",
                (owners.get(r.metric_id, PLATFORM_OWNER),),
                (r.metric_id,),
                f"{r.values} past value(s) of {r.metric_id} changed although neither its data nor "
                f"its definition did; last: {r.last}",
            )
            for r in restated
        ),
    ]


def unfinished_build(metrics: Sequence[MetricState], *, in_place: bool) -> Cause:
    """Return the cause of a build that broke off; built `in_place`, its models are read as such."""
    seen = (
        "readers see new models beside old ones, so a number may be wrong"
        if in_place
        else "readers keep the last finished state, which grows old"
    )
    return Cause(
        "build",
        "models",
        "critical" if in_place else "warning",
        (PLATFORM_OWNER,),
        tuple(sorted(m.metric_id for m in metrics)),
        f"the last build of the models did not finish; {seen}",
    )


def undecided(metrics: Sequence[MetricState], incident: Incident) -> bool:
    """Tell whether nothing is known of an incident now: a metric without a value has no level."""
    known = {m.metric_id for m in metrics if m.level != "unknown"}
    return incident.cause_kind == "metric_level" and incident.cause not in known


def _late_sources(metrics: Sequence[MetricState], streams: Sequence[StreamState]) -> list[Cause]:
    late_streams = {s.stream: s for s in streams if s.is_late}
    sources: dict[str, list[MetricState]] = {s.source: [] for s in late_streams.values()}
    for metric in metrics:
        if metric.freshness == "fresh":
            continue
        culprits = {s.split(".")[0] for s in metric.streams if s in late_streams}
        oldest = metric.oldest_source.split(".")[0] or "unknown source"
        for source in culprits or {oldest}:
            sources.setdefault(source, []).append(metric)
    return [
        _late_source(source, mine, [s for s in late_streams.values() if s.source == source])
        for source, mine in sorted(sources.items())
    ]


def _late_source(
    source: str, metrics: Sequence[MetricState], streams: Sequence[StreamState]
) -> Cause:
    ages = [m.stale_by_hours for m in metrics] + [s.age_hours or 0 for s in streams]
    names = tuple(sorted(m.metric_id for m in metrics))
    never = [s.stream for s in streams if s.age_hours is None]
    severity: Severity = (
        "critical" if names and (max(ages) >= CRITICAL_AGE_HOURS or never) else "warning"
    )
    parts = [f"{source} is late: its oldest evidence is {max(ages):.0f} h old"]
    if streams:
        parts.append(f"late streams: {', '.join(sorted(s.stream for s in streams))}")
    if never:
        parts.append(f"never read: {', '.join(never)}")
    parts.append(
        f"{len(names)} metric(s) stand on it: {', '.join(names)}"
        if names
        else "no metric stands on it"
    )
    bad = [f"{m.metric_id} {m.level}" for m in metrics if m.level in ("warning", "critical")]
    if bad:
        parts.append(f"levels of the last known values: {', '.join(sorted(bad))}")
    errors = sorted({s.last_error for s in streams if s.last_error})
    if errors:
        parts.append(f"last error: {errors[0]}")
    owners = tuple(sorted({m.owner for m in metrics})) or (PLATFORM_OWNER,)
    since = min((s.fresh_until for s in streams if s.fresh_until), default=None)
    return Cause("late_source", source, severity, owners, names, "; ".join(parts), since)


def _levels(metrics: Sequence[MetricState]) -> list[Cause]:
    causes = []
    for metric in metrics:
        if metric.level not in ("warning", "critical"):
            continue
        severity: Severity = "critical" if metric.level == "critical" else "warning"
        text = f"{metric.title} is at {metric.value} {metric.unit}: {metric.level}"
        if metric.threshold:
            text += f" ({metric.threshold})"
        if metric.value_date:
            text += f", value of {metric.value_date}"
        if metric.freshness != "fresh":
            # Both are said: how bad the last known value is, and that it is old.
            text += f"; the evidence is {metric.freshness} ({metric.stale_by_hours:.0f} h old)"
        name = metric.metric_id
        causes.append(Cause("metric_level", name, severity, (metric.owner,), (name,), text))
    return causes


def _broken(checks: Sequence[CheckState], metrics: Sequence[MetricState]) -> list[Cause]:
    """One cause a suite: a query that cannot run breaks every check that looks through it."""
    suites: dict[str, list[CheckState]] = {}
    for check in checks:
        if check.verdict == "broken":
            suites.setdefault(check.suite, []).append(check)
    causes = []
    for suite, mine in sorted(suites.items()):
        names = _metrics_of(mine, metrics)
        text = (
            f"{len(mine)} check(s) of {suite} could not look: {mine[0].message} "
            f"({', '.join(c.check_id for c in mine[:3])}{' …' if len(mine) > 3 else ''})"
        )
        owners = (PLATFORM_OWNER,)
        causes.append(Cause("check", f"broken.{suite}", "critical", owners, names, text))
    return causes


def _failed(checks: Sequence[CheckState], metrics: Sequence[MetricState]) -> list[Cause]:
    """One cause a subject; freshness is told by the late source, an anomaly is its own kind."""
    subjects: dict[tuple[str, str], list[CheckState]] = {}
    for check in checks:
        if check.verdict == "failed" and check.rule != "freshness":
            kind = "anomaly" if check.rule == "anomaly" else "check"
            subjects.setdefault((kind, f"{check.subject_kind}.{check.subject}"), []).append(check)
    owners = {m.metric_id: m.owner for m in metrics}
    causes = []
    for (kind, subject), mine in sorted(subjects.items()):
        names = _metrics_of(mine, metrics)
        wrong = any((c.subject_kind, c.rule) in WRONG_NUMBER_RULES for c in mine)
        text = "; ".join(f"{c.check_id}: {c.message}" for c in mine)
        mine_owners = tuple(sorted({owners[n] for n in names if n in owners}))
        causes.append(
            Cause(
                "anomaly" if kind == "anomaly" else "check",
                subject,
                "critical" if wrong and names else "warning",
                mine_owners or (PLATFORM_OWNER,),
                names,
                text,
            )
        )
    return causes


def _metrics_of(checks: Sequence[CheckState], metrics: Sequence[MetricState]) -> tuple[str, ...]:
    subjects = {c.subject for c in checks}
    return tuple(
        sorted(m.metric_id for m in metrics if m.metric_id in subjects or subjects & set(m.streams))
    )
