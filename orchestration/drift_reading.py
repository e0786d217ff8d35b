"""What `paygo drift` lists and exports: discrepancies, exclusions, and how stale a side is.

Belongs here: queries over reporting models and the shape of their JSON. Does not: a verdict's
rule (dbt), explaining one discrepancy (`drift_explain`), marks (`drift_marks`), printing.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TextIO

from orchestration.errors import PermanentFailure
from orchestration.reading import moment, number

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

DETECTORS = ("stripe", "zone_plan", "triple_store", "double_charge", "entitlement")

# As it was known on that day; a mark is the one that holds now.
DAY_SQL = """
select
    days.discrepancy_id, days.entity_id, days.account_id, days.kind, days.state,
    days.first_seen, days.last_seen, days.reopened, days.is_opening_stock,
    days.amount_minor, days.currency,
    latest.mark, latest.mark_reason, latest.is_back_since_mark
from reporting.rpt_drift_days as days
inner join reporting.rpt_drift_current as latest
    on latest.discrepancy_id = days.discrepancy_id
where days.detector = ? and days.observation_date = ?
order by days.discrepancy_id
"""

RESOLVED_SQL = """
select
    discrepancy_id, entity_id, account_id, kind, state, first_seen, last_seen, reopened,
    is_opening_stock, amount_minor, currency, mark, mark_reason, is_back_since_mark
from reporting.rpt_drift_current
where detector = ? and state = 'resolved'
order by discrepancy_id
"""

EXCLUSIONS_SQL = """
select entity_id, account_id, would_be_kind, reason
from reporting.rpt_drift_exclusions
where detector = ? and observation_date = ?
order by entity_id, reason
"""

DAYS_SQL = """
select min(observation_date) as first, max(observation_date) as last
from reporting.rpt_drift_daily
where detector = ?
"""

HAS_DAY_SQL = """
select count(*) as found
from reporting.rpt_drift_daily
where detector = ? and observation_date = ?
"""

FIGURES_SQL = """
select
    daily.detector,
    daily.observation_date as day,
    sum(daily.open_count) as open,
    sum(daily.new_count) as new,
    sum(daily.resolved_count) as resolved
from reporting.rpt_drift_daily as daily
inner join (
    select detector, max(observation_date) as observation_date
    from reporting.rpt_drift_daily
    group by detector
) as last
    on last.detector = daily.detector and last.observation_date = daily.observation_date
group by daily.detector, daily.observation_date
order by daily.detector
"""

SIDES_SQL = """
select side, oldest_stream, as_of, fresh_until
from reporting.rpt_drift_sides
where detector = ?
order by side
"""


@dataclass(frozen=True)
class Filters:
    """What of a list is wanted; None wants everything."""

    kind: str | None = None
    state: str | None = None
    account: str | None = None
    entity: str | None = None
    mark: str | None = None
    """accepted, false, or none (unmarked)."""
    reason: str | None = None
    """Reason of exclusion."""

    def discrepancy(self, row: dict[str, Any]) -> bool:
        """Say whether a discrepancy is wanted."""
        wanted = (
            (self.kind, row["kind"]),
            (self.state, row["state"]),
            (self.account, row["account_id"]),
            (self.entity, row["entity_id"]),
            (self.mark, row["mark"] or "none"),
        )
        return self.reason is None and all(w is None or w == found for w, found in wanted)

    def exclusion(self, row: dict[str, Any]) -> bool:
        """Say whether an exclusion is wanted."""
        wanted = (
            (self.kind, row["would_be_kind"]),
            (self.account, row["account_id"]),
            (self.entity, row["entity_id"]),
            (self.reason, row["reason"]),
        )
        other = self.state is not None or self.mark is not None
        return not other and all(w is None or w == found for w, found in wanted)


def drift_document(
    warehouse: Warehouse,
    detector: str,
    day: date | None,
    now: datetime,
    filters: Filters | None = None,
) -> dict[str, Any]:
    """Return the document of `paygo drift --json`: open and suspended on the day, exclusions.

    Freshness is counted to `now`. State `resolved` is answered for the last day only. Errors:
    PermanentFailure for an unknown detector, a day without a verdict, a filter that names nothing.
    """
    filters = filters or Filters()
    chosen = _day(warehouse, detector, day)
    _check_filters(warehouse, detector, filters)
    rows = warehouse.rows(DAY_SQL, (detector, chosen))
    if filters.state == "resolved":
        rows = warehouse.rows(RESOLVED_SQL, (detector,))
    exclusions = warehouse.rows(EXCLUSIONS_SQL, (detector, chosen))
    return {
        "detector": detector,
        "date": str(chosen),
        **freshness(warehouse, detector, now),
        "discrepancies": [_discrepancy(row) for row in rows if filters.discrepancy(row)],
        "exclusions": [row for row in exclusions if filters.exclusion(row)],
    }


def freshness(warehouse: Warehouse, detector: str, now: datetime) -> dict[str, Any]:
    """Return `freshness` (fresh or stale), `stale_sides`, and the `sides` with their horizons."""
    sides = [_side(row, now) for row in warehouse.rows(SIDES_SQL, (detector,))]
    stale = [side["side"] for side in sides if side["is_stale"]]
    return {"freshness": "stale" if stale else "fresh", "stale_sides": stale, "sides": sides}


def staleness_sentence(document: dict[str, Any]) -> str | None:
    """Say which side is stale and what follows; None when all are fresh."""
    stale = [side for side in document["sides"] if side["is_stale"]]
    if not stale:
        return None
    named = "; ".join(
        f"{s['side']} ({s['oldest_stream']}) is known up to {s['as_of'] or 'never'}, "
        + (f"{s['age_hours']} h ago" if s["as_of"] else "it was never read")
        for s in stale
    )
    return (
        f"STALE: {named}. The figure is that of {document['date']}; nothing is opened or resolved "
        "until the side is read again."
    )


def summary(warehouse: Warehouse, now: datetime) -> list[dict[str, Any]]:
    """Return one row a detector: its last complete day, counts, and which side is stale."""
    return [
        {
            **row,
            "day": str(row["day"]),
            "open": int(row["open"]),
            "new": int(row["new"]),
            "resolved": int(row["resolved"]),
            "freshness": (state := freshness(warehouse, row["detector"], now))["freshness"],
            "stale_sides": ", ".join(state["stale_sides"]),
        }
        for row in warehouse.rows(FIGURES_SQL)
    ]


def write_csv(document: dict[str, Any], out: TextIO) -> None:
    """Write discrepancies and exclusions as one CSV; `reason` is set on exclusions alone."""
    names = (
        "detector", "date", "discrepancy_id", "entity_id", "account_id", "kind", "state",
        "first_seen", "last_seen", "reopened", "is_opening_stock", "amount_minor", "currency",
        "mark", "mark_reason", "is_back_since_mark", "reason",
    )  # fmt: skip
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    shared = {"detector": document["detector"], "date": document["date"]}
    for row in document["discrepancies"]:
        writer.writerow({**shared, **row})
    for row in document["exclusions"]:
        excluded = {k: v for k, v in row.items() if k != "would_be_kind"}
        writer.writerow({**shared, "state": "excluded", "kind": row["would_be_kind"], **excluded})


def _day(warehouse: Warehouse, detector: str, day: date | None) -> date:
    if detector not in DETECTORS:
        raise PermanentFailure(
            f"no detector {detector!r}.", todo=f"use one of {', '.join(DETECTORS)}."
        )
    known = warehouse.rows(DAYS_SQL, (detector,))[0]
    if known["last"] is None:
        raise PermanentFailure(
            f"the {detector} detector has no complete day yet.", todo="run `paygo run` first."
        )
    chosen: date = day or known["last"]
    if not warehouse.rows(HAS_DAY_SQL, (detector, chosen))[0]["found"]:
        raise PermanentFailure(
            f"the {detector} detector has no verdict for {chosen}.",
            todo=f"its complete days lie between {known['first']} and {known['last']}.",
        )
    return chosen


def _check_filters(warehouse: Warehouse, detector: str, filters: Filters) -> None:
    kinds = [
        str(row["kind"])
        for row in warehouse.rows(
            "select distinct kind from reporting.rpt_drift_daily where detector = ? order by kind",
            (detector,),
        )
    ]
    allowed = (
        ("kind", filters.kind, kinds),
        ("state", filters.state, ["new", "persistent", "suspended", "resolved"]),
        ("mark", filters.mark, ["accepted", "false", "none"]),
    )
    for name, given, known in allowed:
        if given is not None and given not in known:
            raise PermanentFailure(f"no {name} {given!r}.", todo=f"use one of {', '.join(known)}.")


def _side(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    as_of, until = row["as_of"], row["fresh_until"]
    age = None if as_of is None else now - as_of.replace(tzinfo=UTC)
    return {
        "side": row["side"],
        "oldest_stream": row["oldest_stream"],
        "as_of": moment(as_of),
        "age_hours": None if age is None else int(age.total_seconds() // 3600),
        "is_stale": until is None or now > until.replace(tzinfo=UTC),
    }


def _discrepancy(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "first_seen": str(row["first_seen"]),
        "last_seen": str(row["last_seen"]),
        "reopened": int(row["reopened"] or 0),
        "amount_minor": number(row["amount_minor"]),
    }
