"""One evaluation: states from reporting models in, incidents and deliveries out.

Belongs here: reading `reporting`, reading and writing `ops.incidents`. Does not: the
policy (pure, `policy`) or the channels (`delivery`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.alerting.delivery import compose, deliver
from orchestration.alerting.policy import Incident, MetricState, causes_of, evaluate
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

STATES_SQL = """
select
    metric_id, title, owner, freshness, stale_by_hours, oldest_source, level,
    cast(value as varchar) as value, unit,
from reporting.rpt_metric_status
order by metric_id
"""

CHECKS_SQL = """
select subject, check_id
from ops.check_results
where subject_kind = 'metric'
    and verdict <> 'passed'
    and (rule <> 'freshness' or verdict = 'broken')
    and evaluated_at = (select max(evaluated_at) from ops.check_results)
order by check_id
"""

INCIDENTS_SQL = "select * from ops.incidents order by opened_at, incident_id"


@dataclass(frozen=True)
class AlertReport:
    """Incidents after an evaluation; `failures` are deliveries that did not arrive."""

    open: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    failures: tuple[str, ...]


def evaluate_alerts(warehouse: Warehouse, settings: Settings, now: datetime) -> AlertReport:
    """Evaluate the policy at `now`, deliver what changed, record it; idempotent at one moment."""
    states = read_states(warehouse)
    stale = frozenset(s.metric_id for s in states if s.freshness != "fresh")
    changes = evaluate(causes_of(states), read_incidents(warehouse), stale, now)
    unsent = tuple(i for i in changes.continued if i.state == "open" and not i.last_notified_at)
    announce = (*changes.opened, *unsent) if settings.alert_urls else ()
    failures: list[str] = []
    if announce or (changes.resolved and settings.alert_urls):
        title, body = compose(announce, changes.resolved)
        outcomes = deliver(settings.alert_urls, title, body)
        failures = [f"{o.channel}: {o.message}" for o in outcomes if not o.delivered]
    notified = {i.incident_id for i in announce} if not failures else set()
    rows = [
        replace(i, last_notified_at=now) if i.incident_id in notified else i
        for i in (*changes.opened, *changes.continued, *changes.resolved)
    ]
    write_incidents(warehouse, rows)
    still = tuple(i for i in rows if i.state != "resolved")
    return AlertReport(still, changes.opened, changes.resolved, tuple(failures))


def read_states(warehouse: Warehouse) -> list[MetricState]:
    """Return the state of every metric with its checks that did not pass."""
    checks: dict[str, list[str]] = {}
    for row in warehouse.rows(CHECKS_SQL):
        checks.setdefault(row["subject"], []).append(row["check_id"])
    return [
        MetricState(
            metric_id=row["metric_id"],
            title=row["title"],
            owner=row["owner"],
            freshness=row["freshness"],
            stale_by_hours=float(row["stale_by_hours"] or 0),
            oldest_source=row["oldest_source"] or "",
            level=row["level"],
            value=_plain(row["value"]),
            unit=row["unit"],
            failed_checks=tuple(checks.get(row["metric_id"], ())),
        )
        for row in warehouse.rows(STATES_SQL)
    ]


def _plain(value: str | None) -> str:
    text = value or "no value"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_incidents(warehouse: Warehouse) -> list[Incident]:
    """Return every incident ever opened, oldest first."""
    return [_incident(row) for row in warehouse.rows(INCIDENTS_SQL)]


def write_incidents(warehouse: Warehouse, incidents: list[Incident]) -> None:
    """Put the incidents in place of their earlier rows."""
    if incidents:
        warehouse.replace_ops("incidents", [_row(i) for i in incidents], key=("incident_id",))


def _incident(row: dict[str, Any]) -> Incident:
    return Incident(
        incident_id=row["incident_id"],
        cause_kind=row["cause_kind"],
        cause=row["cause"],
        severity=row["severity"],
        state=row["state"],
        owner=row["owner"] or "",
        opened_at=row["opened_at"].replace(tzinfo=UTC),
        metrics=tuple((row["metrics"] or "").split(";")) if row["metrics"] else (),
        message=row["message"] or "",
        last_notified_at=_aware(row["last_notified_at"]),
        acknowledged_at=_aware(row["acknowledged_at"]),
        resolved_at=_aware(row["resolved_at"]),
    )


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _row(incident: Incident) -> dict[str, Any]:
    row = {**incident.__dict__, "metrics": ";".join(incident.metrics)}
    for name in ("opened_at", "last_notified_at", "acknowledged_at", "resolved_at"):
        moment = row[name]
        row[name] = moment.astimezone(UTC).replace(tzinfo=None) if moment else None
    return row
