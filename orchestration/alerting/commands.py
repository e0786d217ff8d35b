"""What `paygo alerts` does: list, evaluate now, acknowledge, mute, test. No policy here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.alerting import messages, store
from orchestration.alerting.delivery import Delivery, send
from orchestration.alerting.evaluate import AlertReport, evaluate_alerts
from orchestration.alerting.hold import Mute
from orchestration.alerting.policy import Incident
from orchestration.alerting.routing import parse_routes
from orchestration.clock import iso
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse import open_warehouse
from orchestration.workspace import run_lock

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

MUTE_PREFIXES = ("source:", "owner:", "metric:")
LONGEST_MUTE_HOURS = 24 * 14
"""A mute is for a repair; what should stay silent for longer needs another threshold."""


def open_alerts(warehouse: Warehouse, runbook_base: str) -> list[dict[str, Any]]:
    """Return what is not resolved, most severe and oldest first."""
    live = [i for i in store.read_incidents(warehouse) if i.is_live]
    live.sort(key=lambda i: (i.severity != "critical", i.opened_at, i.incident_id))
    return [_shown(incident, runbook_base) for incident in live]


def _shown(incident: Incident, runbook_base: str) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "severity": incident.severity,
        "state": incident.state,
        "cause_kind": incident.cause_kind,
        "cause": incident.cause,
        "owner": ", ".join(incident.owners),
        "since": iso(incident.since),
        "opened_at": iso(incident.opened_at),
        "reopened": incident.reopened,
        "last_notified_at": iso(incident.last_notified_at) if incident.last_notified_at else None,
        "metrics": list(incident.metrics),
        "message": incident.message,
        "runbook": messages.runbook(incident, runbook_base),
    }


def deliveries(warehouse: Warehouse, count: int) -> list[dict[str, Any]]:
    """Return the last messages, newest first: to which channel, and whether they arrived."""
    return [
        {
            "created_at": iso(m.created_at),
            "channel": m.channel,
            "status": m.status,
            "tries": m.tries,
            "title": m.title,
            "error": m.error,
        }
        for m in store.last_messages(warehouse, count)
    ]


def evaluate_now(settings: Settings) -> AlertReport:
    """Evaluate at the clock's moment and publish what came of it."""
    with open_warehouse(settings, "read"):
        pass  # says what to do when nothing was ever published
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        report = evaluate_alerts(warehouse, settings, settings.clock().now())
        warehouse.publish_ops()
    return report


def acknowledge(settings: Settings, incident_id: str, who: str) -> str:
    """Mark a live incident as taken; PermanentFailure lists the live ones when it is none."""
    now = settings.clock().now()
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        incident = _live(warehouse, incident_id)
        changed = replace(incident, state="acknowledged", acknowledged_at=now, acknowledged_by=who)
        store.write_incidents(warehouse, [changed])
        warehouse.publish_ops()
    return f"{incident_id} is acknowledged; reminders stop until it becomes more severe"


def mute(settings: Settings, subject: str, hours: float, reason: str) -> str:
    """Silence a subject for a while; PermanentFailure for an unknown subject or a long time."""
    now = settings.clock().now()
    if not 0 < hours <= LONGEST_MUTE_HOURS:
        raise PermanentFailure(
            f"a mute of {hours:g} hours is not possible.",
            todo=f"choose more than 0 and up to {LONGEST_MUTE_HOURS} hours.",
        )
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        if subject != "all" and not subject.startswith(MUTE_PREFIXES):
            _live(warehouse, subject)
        until = now + timedelta(hours=hours)
        store.write_mute(warehouse, Mute(f"{subject}@{iso(now)}", subject, now, until, reason))
        warehouse.publish_ops()
    return f"{subject} is muted until {iso(until)}; what is still wrong then is told then"


def unmute(settings: Settings, subject: str) -> str:
    """End every mute of a subject now; PermanentFailure lists what is muted when none is."""
    now = settings.clock().now()
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        running = _running(warehouse, now)
        mine = [m for m in running if m.subject == subject]
        if not mine:
            known = ", ".join(sorted({m.subject for m in running})) or "nothing is"
            raise PermanentFailure(f"{subject} is not muted.", todo=f"muted: {known}.")
        for found in mine:
            store.write_mute(warehouse, replace(found, ends_at=now))
        warehouse.publish_ops()
    return f"{subject} is no longer muted"


def running_mutes(warehouse: Warehouse, now: datetime) -> list[dict[str, Any]]:
    """Return what is muted now, until when and why."""
    return [
        {"subject": m.subject, "until": iso(m.ends_at), "reason": m.reason}
        for m in _running(warehouse, now)
    ]


def send_test(settings: Settings) -> list[Delivery]:
    """Send a test message to every channel; PermanentFailure when none is configured."""
    urls = parse_routes(settings.alert_urls, settings.alert_routes).all_urls()
    if not urls:
        raise PermanentFailure(
            "no channel is configured.", todo="set PAYGO_ALERT_URLS to one or more apprise URLs."
        )
    return [send(u, "Billing metrics: test", "This is a test; nothing is wrong.") for u in urls]


def _running(warehouse: Warehouse, now: datetime) -> list[Mute]:
    return [m for m in store.read_mutes(warehouse) if m.starts_at <= now < m.ends_at]


def _live(warehouse: Warehouse, incident_id: str) -> Incident:
    live = {i.incident_id: i for i in store.read_incidents(warehouse) if i.is_live}
    if incident_id not in live:
        known = ", ".join(sorted(live)) or "none is open"
        raise PermanentFailure(f"no open incident {incident_id!r}.", todo=f"open: {known}.")
    return live[incident_id]
