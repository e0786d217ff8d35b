"""What reading commands ask the published warehouse: the status of the metrics.

Belongs here: queries of the commands and the shape of their JSON. Does not: printing
(`cli`), or any rule of a metric (dbt). Age is counted to the clock of the reader, so that
a pipeline that has died shows stale.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestration.clock import iso

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


def number(value: Decimal | float | int | None) -> int | float | None:
    """Return a JSON number: whole values as int, others with the digits that they have."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def moment(value: datetime | None) -> str | None:
    """Return a stored UTC time as ISO-8601 with zone."""
    return iso(value.replace(tzinfo=UTC)) if value else None
