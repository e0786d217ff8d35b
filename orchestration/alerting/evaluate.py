"""One evaluation: states from reporting models in, incidents and messages out.

Belongs here: reading `reporting` and `ops`, the order of writing and sending. Does not: the
policy (`policy`, `causes`, `hold`; all pure), the words (`messages`) or the channels (`delivery`).

Ages are counted to the moment of the evaluation, not to that of the last build: between runs,
and when runs have stopped, evidence grows old all the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestration.alerting import messages, store
from orchestration.alerting.causes import (
    CheckState,
    MetricState,
    Restated,
    StreamState,
    causes_of,
    undecided,
    unfinished_build,
)
from orchestration.alerting.delivery import Sleep, channel_name, send
from orchestration.alerting.heartbeat import Heartbeat, beat
from orchestration.alerting.hold import is_muted, is_quiet, parse_quiet_hours
from orchestration.alerting.policy import Cause, Evaluation, Incident, Notice, evaluate
from orchestration.alerting.routing import Routes, parse_routes
from orchestration.owners import PLATFORM_OWNER
from orchestration.reading import freshness_at
from orchestration.settings import Settings
from orchestration.warehouse import finished_models
from orchestration.warehouse.publishing import build_marker

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

METRICS_SQL = """
select
    metric_id, title, owner, workstream, as_of, fresh_until, oldest_source, level, streams,
    warning, critical, direction, value_date, value, unit,
from reporting.rpt_metric_status
order by metric_id
"""

STREAMS_SQL = """
select stream, as_of, fresh_until, last_error from reporting.rpt_stream_status order by stream
"""

CHECKS_SQL = """
select check_id, suite, subject_kind, subject, rule, verdict, message
from ops.check_results
where verdict <> 'passed'
    and evaluated_at = (select max(evaluated_at) from ops.check_results)
order by check_id
"""

RESTATED_SQL = """
select metric_id, observation_date, old_value, new_value
from reporting.rpt_metric_restatements
where cause = 'unexplained' and restated_at > ?
order by metric_id, observation_date, version_number
"""

RESTATED_FOR = timedelta(days=7)
"""How long an unexplained restatement stays an incident."""

RETRY_FOR = timedelta(hours=24)
"""How long a message that did not arrive is tried again; its reminder follows anyway."""

DELIVERY_TRIES = 2
"""Evaluations at which a channel failed in a row before that is an incident itself."""


@dataclass(frozen=True)
class AlertReport:
    """Incidents after an evaluation; `failures` are messages that did not arrive."""

    open: tuple[Incident, ...]
    opened: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    failures: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    held: tuple[Notice, ...] = ()
    sent: int = 0


def evaluate_alerts(
    warehouse: Warehouse, settings: Settings, now: datetime, *, sleep: Sleep = time.sleep
) -> AlertReport:
    """Evaluate the policy at `now`, send what is due, record it; idempotent at one moment.

    Errors: PermanentFailure when routes or quiet hours cannot be read.
    """
    routes = parse_routes(settings.alert_urls, settings.alert_routes)
    with finished_models(settings, warehouse) as models:
        metrics, workstreams = read_metrics(models, now)
        causes = [*read_causes(models, metrics, now), *_delivery_causes(warehouse, now)]
    if build_marker(settings).exists():
        causes.append(unfinished_build(metrics, in_place=settings.target == "bigquery"))
    found = evaluate(
        causes,
        store.read_incidents(warehouse),
        now,
        undecided=lambda incident: undecided(metrics, incident),
        is_held=_holder(warehouse, settings, routes, now),
    )
    # Written before anything is sent: a crash in between sends twice at worst, never not at all.
    outbox = _outbox(found, routes, settings, now, workstreams)
    store.write_messages(warehouse, outbox)
    store.write_incidents(warehouse, found.incidents)
    failures, sent = _send(warehouse, routes, now, sleep)
    live = tuple(i for i in found.incidents if i.is_live)
    beat(settings, Heartbeat(_iso(now), len(metrics), len(live), len(failures)))
    return AlertReport(
        live, found.opened, found.resolved, failures, found.notices, found.held, sent
    )


def read_causes(warehouse: Warehouse, metrics: list[MetricState], now: datetime) -> list[Cause]:
    """Return every cause that the warehouse shows at `now`."""
    restated = _restated(warehouse, now - RESTATED_FOR)
    checks = [
        CheckState(**{**row, "message": row["message"] or ""}) for row in warehouse.rows(CHECKS_SQL)
    ]
    return causes_of(metrics, read_streams(warehouse, now), checks, restated)


def _restated(warehouse: Warehouse, since: datetime) -> list[Restated]:
    found: dict[str, list[str]] = {}
    for row in warehouse.rows(RESTATED_SQL, (since.astimezone(UTC).replace(tzinfo=None),)):
        said = f"{row['observation_date']} {_plain(row['old_value'])} → {_plain(row['new_value'])}"
        found.setdefault(row["metric_id"], []).append(said)
    return [Restated(metric, len(said), said[-1]) for metric, said in found.items()]


def read_metrics(warehouse: Warehouse, now: datetime) -> tuple[list[MetricState], dict[str, str]]:
    """Return the state of every metric at `now`, and the workstream of each."""
    rows = warehouse.rows(METRICS_SQL)
    states = []
    for row in rows:
        freshness, stale_by = freshness_at(row["as_of"], row["fresh_until"], now)
        states.append(
            MetricState(
                metric_id=row["metric_id"],
                title=row["title"],
                owner=row["owner"],
                freshness=freshness,
                stale_by_hours=float(stale_by or 0),
                oldest_source=row["oldest_source"] or "",
                level=row["level"],
                value=_plain(row["value"]),
                unit=row["unit"],
                value_date=str(row["value_date"] or ""),
                threshold=_threshold(row),
                streams=tuple(row["streams"].split(";")),
            )
        )
    return states, {row["metric_id"]: row["workstream"] or "" for row in rows}


def read_streams(warehouse: Warehouse, now: datetime) -> list[StreamState]:
    """Return every stream; one that was never read is late."""
    states = []
    for row in warehouse.rows(STREAMS_SQL):
        as_of, until = row["as_of"], row["fresh_until"]
        age = (now - as_of.replace(tzinfo=UTC)).total_seconds() / 3600 if as_of else None
        aware = until.replace(tzinfo=UTC) if until else None
        is_late = aware is None or now > aware
        states.append(StreamState(row["stream"], is_late, age, aware, row["last_error"] or ""))
    return states


def _holder(warehouse: Warehouse, settings: Settings, routes: Routes, now: datetime) -> Any:
    mutes = store.read_mutes(warehouse)
    quiet = parse_quiet_hours(settings.alert_quiet_hours)

    def is_held(incident: Incident) -> bool:
        return (
            not routes.urls(incident.owners)
            or is_muted(incident, mutes, now)
            or is_quiet(incident, quiet, now)
        )

    return is_held


def _outbox(
    found: Evaluation,
    routes: Routes,
    settings: Settings,
    now: datetime,
    workstreams: dict[str, str],
) -> list[store.Message]:
    """Return one message a notice and channel; one for all when a channel would get many."""
    after = {i.incident_id: i for i in found.incidents}
    base = settings.runbook_base
    outbox = []
    for url, batch in routes.batches(found.notices).items():
        channel = channel_name(url)
        current = [replace(n, incident=after[n.incident.incident_id]) for n in batch]
        if len(current) >= messages.MANY:
            title, body = messages.together(current, now, base)
            ids = tuple(n.notice_id for n in current)
            outbox.append(
                _message(f"{channel}/{_iso(now)}", channel, ids, current, title, body, now)
            )
            continue
        for notice in current:
            body = messages.body(notice, now, base, workstreams)
            key, ids = f"{channel}/{notice.notice_id}", (notice.notice_id,)
            outbox.append(_message(key, channel, ids, [notice], messages.title(notice), body, now))
    return outbox


def _message(
    message_id: str,
    channel: str,
    ids: tuple[str, ...],
    notices: list[Notice],
    title: str,
    body: str,
    now: datetime,
) -> store.Message:
    live = [n.incident.severity for n in notices if n.kind != "resolved"]
    severity = "critical" if "critical" in live else "warning" if live else "resolved"
    return store.Message(message_id, channel, ids, severity, title, body, "pending", 0, "", now)


def _send(
    warehouse: Warehouse, routes: Routes, now: datetime, sleep: Sleep
) -> tuple[tuple[str, ...], int]:
    """Send what waits, the new and what failed before; a channel that fails once waits its turn."""
    urls = {channel_name(url): url for url in routes.all_urls()}
    failures: list[str] = []
    down: set[str] = set()
    sent = 0
    for message in store.undelivered(warehouse, now - RETRY_FOR):
        url = urls.get(message.channel)
        if url is None or message.channel in down:
            continue
        outcome = send(url, message.title, message.body, severity=message.severity, sleep=sleep)
        status = "delivered" if outcome.delivered else "failed"
        done = replace(
            message,
            status=status,
            tries=message.tries + 1,
            error=outcome.message,
            sent_at=now if outcome.delivered else None,
        )
        store.write_messages(warehouse, [done])
        sent += outcome.delivered
        if not outcome.delivered:
            down.add(message.channel)
            failures.append(f"{outcome.channel}: {outcome.message}")
    return tuple(failures), sent


def _delivery_causes(warehouse: Warehouse, now: datetime) -> list[Cause]:
    """A channel that keeps failing is a matter of its own, told through the other channels."""
    failing: dict[str, list[store.Message]] = {}
    for message in store.undelivered(warehouse, now - RETRY_FOR):
        if message.status == "failed" and message.tries >= DELIVERY_TRIES:
            failing.setdefault(message.channel, []).append(message)
    return [
        Cause(
            "delivery",
            channel,
            "warning",
            (PLATFORM_OWNER,),
            (),
            f"{len(waiting)} message(s) did not arrive at {channel}: {waiting[-1].error}",
            waiting[0].created_at,
        )
        for channel, waiting in sorted(failing.items())
    ]


def _threshold(row: dict[str, Any]) -> str:
    bound = row["critical"] if row["level"] == "critical" else row["warning"]
    if bound is None or row["level"] not in ("warning", "critical"):
        return ""
    side = "above" if row["direction"] == "down" else "below"
    return f"{row['level']} at {_plain(bound)} or {side}"


def _plain(value: Decimal | None) -> str:
    text = "no value" if value is None else f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
