"""What reading commands ask the published warehouse: the status of the metrics.

Belongs here: queries of the commands and the shape of their JSON. Does not: printing
(`cli`), or any rule of a metric (dbt). Age is counted to the clock of the reader, so that
a pipeline that has died shows stale.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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
    catalogue.freshness_window_hours,
from reporting.rpt_metric_status as status
inner join seeds.metric_catalogue as catalogue on catalogue.metric_id = status.metric_id
order by status.metric_id
"""


def status_document(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """Return the document of `paygo status --json`; ages are counted to `now`."""
    rows = warehouse.rows(STATUS_SQL)
    return {"as_of": iso(now), "metrics": [_metric(row, now) for row in rows]}


def _metric(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    freshness, stale_by = freshness_at(row["as_of"], float(row["freshness_window_hours"]), now)
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
    as_of: datetime | None, window_hours: float, now: datetime
) -> tuple[str, int | None]:
    """Return freshness and the age in whole hours when stale (0 when fresh, None: unknown)."""
    if as_of is None:
        return "unknown", None
    age = now - as_of.replace(tzinfo=UTC)
    if age > timedelta(hours=window_hours):
        return "stale", int(age.total_seconds() // 3600)
    return "fresh", 0


def number(value: Decimal | float | int | None) -> int | float | None:
    """Return a JSON number: whole values as int, others with the digits that they have."""
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def moment(value: datetime | None) -> str | None:
    """Return a stored UTC time as ISO-8601 with zone."""
    return iso(value.replace(tzinfo=UTC)) if value else None
