"""What `paygo alerts` does: list, evaluate now, acknowledge, mute, test. No policy here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestration.alerting.delivery import Delivery, deliver
from orchestration.alerting.evaluate import (
    AlertReport,
    evaluate_alerts,
    read_incidents,
    write_incidents,
)
from orchestration.alerting.policy import State
from orchestration.clock import iso
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse import open_warehouse
from orchestration.workspace import run_lock

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse


def open_alerts(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return what is not resolved, most severe and oldest first."""
    live = [i for i in read_incidents(warehouse) if i.state != "resolved"]
    live.sort(key=lambda i: (i.severity != "critical", i.opened_at, i.incident_id))
    return [
        {
            "incident_id": i.incident_id,
            "severity": i.severity,
            "state": i.state,
            "cause_kind": i.cause_kind,
            "cause": i.cause,
            "owner": i.owner,
            "opened_at": iso(i.opened_at),
            "last_notified_at": iso(i.last_notified_at) if i.last_notified_at else None,
            "metrics": list(i.metrics),
            "message": i.message,
        }
        for i in live
    ]


def evaluate_now(settings: Settings) -> AlertReport:
    """Evaluate at the clock's moment on the working copy and publish it."""
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        report = evaluate_alerts(warehouse, settings, settings.clock().now())
        warehouse.publish()
    return report


def change_state(settings: Settings, incident_id: str, state: State) -> str:
    """Move an incident that is not resolved to `state`; PermanentFailure when there is none."""
    now = settings.clock().now()
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        live = {i.incident_id: i for i in read_incidents(warehouse) if i.state != "resolved"}
        if incident_id not in live:
            known = ", ".join(sorted(live)) or "none is open"
            raise PermanentFailure(f"no open incident {incident_id!r}.", todo=f"open: {known}.")
        changed = replace(live[incident_id], state=state)
        if state == "acknowledged":
            changed = replace(changed, acknowledged_at=now)
        write_incidents(warehouse, [changed])
        warehouse.publish()
    return f"{incident_id} is {state}"


def send_test(settings: Settings) -> list[Delivery]:
    """Send a test message; PermanentFailure when no channel is configured."""
    if not settings.alert_urls.strip():
        raise PermanentFailure(
            "no channel is configured.", todo="set PAYGO_ALERT_URLS to one or more apprise URLs."
        )
    return deliver(
        settings.alert_urls, "Billing metrics: test", "This is a test; nothing is wrong."
    )
