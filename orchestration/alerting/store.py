"""Incidents, mutes and notices as the warehouse keeps them: rows of `ops`, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.alerting.hold import Mute
from orchestration.alerting.policy import Incident

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

INCIDENTS_SQL = "select * from ops.incidents order by opened_at, incident_id"
MUTES_SQL = "select * from ops.alert_mutes order by starts_at, mute_id"
UNDELIVERED_SQL = """
select * from ops.alert_notices
where status <> 'delivered' and created_at > ?
order by created_at, message_id
"""
LAST_NOTICES_SQL = "select * from ops.alert_notices order by created_at desc, message_id limit ?"


@dataclass(frozen=True)
class Message:
    """One message to one channel: written before it is sent, so that a crash loses none.

    `notices`: ids of the notices in it. `status`: pending, delivered or failed.
    """

    message_id: str
    channel: str
    notices: tuple[str, ...]
    severity: str
    title: str
    body: str
    status: str
    tries: int
    error: str
    created_at: datetime
    sent_at: datetime | None = None


def read_incidents(warehouse: Warehouse) -> list[Incident]:
    """Return every incident ever opened, oldest first."""
    return [_incident(row) for row in warehouse.rows(INCIDENTS_SQL)]


def write_incidents(warehouse: Warehouse, incidents: Sequence[Incident]) -> None:
    """Put the incidents in place of their earlier rows."""
    if incidents:
        warehouse.replace_ops("incidents", [_row(i) for i in incidents], key=("incident_id",))


def read_mutes(warehouse: Warehouse) -> list[Mute]:
    """Return every mute ever set, oldest first."""
    return [
        Mute(
            row["mute_id"],
            row["subject"],
            _aware(row["starts_at"]),
            _aware(row["ends_at"]),
            row["reason"] or "",
        )
        for row in warehouse.rows(MUTES_SQL)
    ]


def write_mute(warehouse: Warehouse, mute: Mute) -> None:
    """Put the mute in place of an earlier one with its id."""
    warehouse.replace_ops("alert_mutes", [asdict(mute)], key=("mute_id",))


def write_messages(warehouse: Warehouse, messages: Sequence[Message]) -> None:
    """Put the messages in place of their earlier rows."""
    if messages:
        rows = [{**asdict(m), "notices": ";".join(m.notices)} for m in messages]
        warehouse.replace_ops("alert_notices", rows, key=("message_id",))


def undelivered(warehouse: Warehouse, since: datetime) -> list[Message]:
    """Return the messages written after `since` that did not arrive, oldest first."""
    found = warehouse.rows(UNDELIVERED_SQL, (since.astimezone(UTC).replace(tzinfo=None),))
    return [_message(row) for row in found]


def last_messages(warehouse: Warehouse, count: int) -> list[Message]:
    """Return the newest messages first."""
    return [_message(row) for row in warehouse.rows(LAST_NOTICES_SQL, (count,))]


def _message(row: dict[str, Any]) -> Message:
    notices = tuple(row["notices"].split(";"))
    times = {"created_at": _aware(row["created_at"]), "sent_at": _known(row["sent_at"])}
    return Message(**{**row, "notices": notices, "error": row["error"] or "", **times})


def _incident(row: dict[str, Any]) -> Incident:
    """A row written before an incident had its later columns reads as told and never reopened."""
    told = row["announced_severity"]
    if told is None:
        told = row["severity"] if row["last_notified_at"] else ""
    return Incident(
        incident_id=row["incident_id"],
        cause_kind=row["cause_kind"],
        cause=row["cause"],
        severity=row["severity"],
        state="open" if row["state"] == "muted" else row["state"],
        owners=tuple((row["owner"] or "").split(", ")),
        opened_at=_aware(row["opened_at"]),
        since=_aware(row["since"] or row["opened_at"]),
        metrics=tuple(row["metrics"].split(";")) if row["metrics"] else (),
        message=row["message"] or "",
        reopened=row["reopened"] or 0,
        clear_since=_known(row["clear_since"]),
        announced_severity=told,
        announced_reopened=row["announced_reopened"] or 0,
        reminders=row["reminders"] or 0,
        last_notified_at=_known(row["last_notified_at"]),
        acknowledged_at=_known(row["acknowledged_at"]),
        acknowledged_by=row["acknowledged_by"] or "",
        resolved_at=_known(row["resolved_at"]),
        resolution_notified_at=_known(row["resolution_notified_at"]),
    )


def _row(incident: Incident) -> dict[str, Any]:
    row = asdict(incident)
    row["owner"] = ", ".join(row.pop("owners"))
    row["metrics"] = ";".join(incident.metrics)
    return row


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _known(moment: datetime | None) -> datetime | None:
    return _aware(moment) if moment else None
