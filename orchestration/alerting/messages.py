"""The words of a notice: what, since when, how bad, what depends on it, where to look, how to
silence. Pure text; no secret is known here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestration.alerting.policy import Incident, Notice
from orchestration.clock import iso

MANY = 5
"""From so many notices for one channel at one evaluation, one message holds them all."""

_WORDS = {
    "opened": "{severity}",
    "reopened": "{severity}, back again",
    "escalated": "{severity}, was a warning",
    "reminder": "still {severity}",
    "resolved": "resolved",
}


def runbook(incident: Incident, base: str) -> str:
    """Return the link of the page that says what to do; every metric has a section."""
    link = f"{base.rstrip('/')}/{incident.cause_kind}.md"
    return f"{link}#{incident.cause}" if incident.cause_kind == "metric_level" else link


def title(notice: Notice) -> str:
    """Return the one line that a phone shows."""
    incident = notice.incident
    word = _WORDS[notice.kind].format(severity=incident.severity)
    return f"[{word}] {headline(incident)}"


def headline(incident: Incident) -> str:
    """Return the matter in a few words."""
    if incident.cause_kind == "late_source":
        return f"{incident.cause} is late, {len(incident.metrics)} metric(s) stand on it"
    return incident.message.split(";")[0].split(", value of")[0]


def body(notice: Notice, now: datetime, base: str, workstreams: dict[str, str]) -> str:
    """Return the message below the title; `workstreams` by metric."""
    incident = notice.incident
    lines = [f"What: {incident.message}", f"Since: {_since(incident, now)}"]
    if notice.kind == "resolved":
        ended = incident.resolved_at or now
        lines.append(f"Resolved: {iso(ended)}, after {_span(ended, incident.since)}")
        return "\n".join(lines)
    bad = f"How bad: {incident.severity}"
    if incident.reopened:
        bad += f", reopened {incident.reopened} time(s)"
    lines += [
        bad,
        f"Depends on it: {_depends(incident, workstreams)}",
        f"Owner: {', '.join(incident.owners)}",
        f"Where to look: {runbook(incident, base)} and `paygo status`",
        f"Silence: `paygo alerts ack {incident.incident_id}` stops the reminders, "
        f"`paygo alerts mute {incident.incident_id} --hours 8` everything until then",
    ]
    return "\n".join(lines)


def together(notices: Sequence[Notice], now: datetime, base: str) -> tuple[str, str]:
    """Return title and body of one message for many notices, most severe first."""
    order = sorted(
        notices,
        key=lambda n: (n.kind == "resolved", n.incident.severity != "critical", n.notice_id),
    )
    resolved = sum(n.kind == "resolved" for n in notices)
    lines = []
    for notice in order:
        incident = notice.incident
        lines.append(title(notice))
        if notice.kind != "resolved":
            lines.append(f"  since {_since(incident, now)}; owner {', '.join(incident.owners)}")
            lines.append(f"  {runbook(incident, base)}; paygo alerts ack {incident.incident_id}")
    lines.append("Everything at once is often one cause: `paygo alerts` lists all, and")
    lines.append("`paygo alerts mute all --hours 2` silences everything during a repair.")
    what = f"{len(notices) - resolved} alerts, {resolved} resolved"
    return f"Billing metrics: {what}", "\n".join(lines)


def _depends(incident: Incident, workstreams: dict[str, str]) -> str:
    if not incident.metrics:
        return "no metric"
    touched = sorted({workstreams[m] for m in incident.metrics if workstreams.get(m)})
    text = f"{len(incident.metrics)} metric(s) and their figures on the page: "
    text += ", ".join(incident.metrics)
    return f"{text} (workstreams {', '.join(touched)})" if touched else text


def _since(incident: Incident, now: datetime) -> str:
    return f"{iso(incident.since)} ({_span(now, incident.since)})"


def _span(later: datetime, earlier: datetime) -> str:
    minutes = max(int((later - earlier).total_seconds() // 60), 0)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} days"
