"""What reading commands ask the published warehouse: status, drift, an account's timeline.

Belongs here: queries of the commands and the shape of their JSON. Does not: printing
(`cli`), or any rule of a metric (dbt). Age is counted to the clock of the reader, so that
a pipeline that has died shows stale.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestration.clock import iso
from orchestration.errors import PermanentFailure

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

STATUS_SQL = """
select
    status.metric_id,
    status.title,
    status.value,
    status.unit,
    status.as_of,
    status.evidence,
    status.freshness,
    status.oldest_source,
    status.level,
    status.check_verdict,
    status.owner,
    status.warning,
    status.critical,
    status.target,
    status.fresh_until,
from reporting.rpt_metric_status as status
order by status.metric_id
"""

RESTATEMENTS_SQL = """
select
    metric_id, observation_date, dimension, old_value, new_value, cause, changed_streams,
    restated_at,
from reporting.rpt_metric_restatements
where ? in ('', metric_id)
order by restated_at desc, metric_id, observation_date, dimension
"""

CHECKS_SQL = """
select check_id, verdict, observed, message, evidence_as_of
from ops.check_results
where verdict <> 'passed' and evaluated_at = (select max(evaluated_at) from ops.check_results)
order by verdict, check_id
"""

DETECTORS = ("stripe", "zone_plan", "triple_store", "double_charge", "entitlement")


def status_document(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """Return the document of `paygo status --json`; ages are counted to `now`."""
    rows = warehouse.rows(STATUS_SQL)
    return {"as_of": iso(now), "metrics": [_metric(row, now) for row in rows]}


def _metric(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    freshness, stale_by = freshness_at(row["as_of"], row["fresh_until"], now)
    return {
        "metric": row["metric_id"],
        "title": row["title"],
        "value": number(row["value"]),
        "unit": row["unit"],
        "as_of": moment(row["as_of"]),
        "evidence": row["evidence"],
        "freshness": freshness,
        "stale_by_hours": stale_by,
        "oldest_source": row["oldest_source"],
        "level": row["level"],
        "check": row["check_verdict"],
        "owner": row["owner"],
        "warning": number(row["warning"]),
        "critical": number(row["critical"]),
        "target": number(row["target"]),
    }


def freshness_at(
    as_of: datetime | None, fresh_until: datetime | None, now: datetime
) -> tuple[str, int | None]:
    """Return freshness and the age in whole hours when stale (0 when fresh, None: unknown).

    Both times as stored: UTC without a zone. `fresh_until` knows the metric's calendar.
    """
    if as_of is None or fresh_until is None:
        return "unknown", None
    if now > fresh_until.replace(tzinfo=UTC):
        return "stale", int((now - as_of.replace(tzinfo=UTC)).total_seconds() // 3600)
    return "fresh", 0


def restatement_rows(warehouse: Warehouse, metric_id: str) -> list[dict[str, Any]]:
    """Return the restated values of one metric, or of all when it is empty, newest first."""
    return [
        {
            **row,
            "observation_date": str(row["observation_date"]),
            "old_value": number(row["old_value"]),
            "new_value": number(row["new_value"]),
            "restated_at": moment(row["restated_at"]),
        }
        for row in warehouse.rows(RESTATEMENTS_SQL, (metric_id,))
    ]


def check_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return the checks that did not pass when they were last evaluated."""
    rows = warehouse.rows(CHECKS_SQL)
    return [{**row, "evidence_as_of": moment(row["evidence_as_of"])} for row in rows]


def drift_document(warehouse: Warehouse, detector: str, day: date | None) -> dict[str, Any]:
    """Return the document of `paygo drift --json`: open and suspended on the day, exclusions.

    Errors: PermanentFailure for an unknown detector or a day without a verdict.
    """
    if detector not in DETECTORS:
        raise PermanentFailure(
            f"no detector {detector!r}.", todo=f"use one of {', '.join(DETECTORS)}."
        )
    chosen = day or _last_day(warehouse, detector)
    last = _last_day(warehouse, detector)
    if last is None or chosen is None:
        raise PermanentFailure(
            f"the {detector} detector has no complete day yet.", todo="run `paygo run` first."
        )
    if chosen > last or not _has_verdict(warehouse, detector, chosen):
        raise PermanentFailure(
            f"the {detector} detector has no verdict for {chosen}.",
            todo=f"its last complete day is {last}; choose a day up to then.",
        )
    sql = CURRENT_SQL if chosen == last else DAY_SQL
    rows = warehouse.rows(sql, (chosen,) * sql.count("?::date") + (detector,))
    exclusions = warehouse.rows(EXCLUSIONS_SQL, (detector, chosen))
    return {
        "detector": detector,
        "date": str(chosen),
        "discrepancies": [_discrepancy(row) for row in rows],
        "exclusions": exclusions,
    }


CURRENT_SQL = """
select
    discrepancy_id, entity_id, kind, state, first_seen, last_seen, reopened,
    amount_minor, currency,
from reporting.rpt_drift_current
where state <> 'resolved' and detector = ?
order by discrepancy_id
"""

# As it was known on that day: the life of a discrepancy up to it.
DAY_SQL = """
with lives as (
    select
        detector, discrepancy_id,
        min(observation_date) as first_seen,
        count(*) filter (where is_reopened) as reopened,
    from marts.fct_discrepancy_days
    where observation_date <= ?::date
    group by detector, discrepancy_id
)

select
    days.discrepancy_id, days.entity_id, days.kind,
    case when days.is_new then 'new' else 'persistent' end as state,
    lives.first_seen, days.observation_date as last_seen, lives.reopened,
    days.amount_minor, days.currency,
from marts.fct_discrepancy_days as days
inner join lives
    on lives.detector = days.detector and lives.discrepancy_id = days.discrepancy_id
where days.observation_date = ?::date and days.detector = ?
order by days.discrepancy_id
"""

EXCLUSIONS_SQL = """
select entity_id, reason
from reporting.rpt_drift_exclusions
where detector = ? and observation_date = ?
order by entity_id, reason
"""


def _last_day(warehouse: Warehouse, detector: str) -> date | None:
    sql = "select max(observation_date) as day from reporting.rpt_drift_daily where detector = ?"
    day: date | None = warehouse.rows(sql, (detector,))[0]["day"]
    return day


def _has_verdict(warehouse: Warehouse, detector: str, day: date) -> bool:
    sql = "select min(observation_date) as day from reporting.rpt_drift_daily where detector = ?"
    first = warehouse.rows(sql, (detector,))[0]["day"]
    return bool(first and first <= day)


def _discrepancy(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "first_seen": str(row["first_seen"]),
        "last_seen": str(row["last_seen"]),
        "reopened": int(row["reopened"] or 0),
        "amount_minor": number(row["amount_minor"]),
    }


def number(value: Decimal | float | int | None) -> int | float | None:
    """Return a JSON number: whole values as int, others with the digits that they have."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def moment(value: datetime | None) -> str | None:
    """Return a stored UTC time as ISO-8601 with zone."""
    return iso(value.replace(tzinfo=UTC)) if value else None
