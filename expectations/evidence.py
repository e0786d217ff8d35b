"""The few bundled queries that gather what all checks look at, one number a check.

Belongs here: SQL and arithmetic from warehouse to evidence. Does not: judging it.
A query that cannot run yields evidence that says so; it never yields nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any, Protocol

from expectations.catalogue import Metric
from expectations.checks import NO_OBSERVATION, Check
from expectations.seasonal import NEEDED_DAYS, expected
from orchestration.sources.contract import CONTRACT, META_COLUMNS
from orchestration.sources.contract import table as contract_table
from orchestration.warehouse.ledger import committed_rows
from orchestration.warehouse.raw import SQL_TYPES

Number = float | int | Decimal


class Reader(Protocol):
    """What the checks need of a warehouse."""

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Evidence:
    """What one check saw: `lower <= observed_low` and `observed_high <= upper` must hold.

    `problem` is set when the check could not look: no rows, only NULLs, a parameter missing,
    a query that failed. `as_of` is the age of what was seen, never the time of the look.
    """

    check: Check
    observed_low: Number | None = None
    observed_high: Number | None = None
    lower: Number | None = None
    upper: Number | None = None
    as_of: datetime | None = None
    problem: str = ""


METRIC_SQL = """
select
    status.metric_id,
    status.as_of,
    status.fresh_until,
    count(series.observation_date) as observations,
    count(series.value) as measured,
    min(series.value) as lowest,
    max(series.value) as highest,
    min(series.observation_date) as first_date,
    max(series.observation_date) as last_date,
from reporting.rpt_metric_status as status
left join reporting.rpt_metric_series as series on series.metric_id = status.metric_id
group by status.metric_id, status.as_of, status.fresh_until
"""

SERIES_SQL = """
select metric_id, observation_date, value
from reporting.rpt_metric_series
order by metric_id, observation_date
"""

ACCOUNTS_SQL = f"""
select count(distinct account_id) as accounts
from {committed_rows(contract_table("engine.subs_account"))} as landed
"""

STREAM_SQL = """
select
    cursors.stream,
    cursors.as_of,
    coalesce(sum(ledger.rows_appended + ledger.rows_deleted), 0) as ledger_rows,
from ops.stream_cursors as cursors
left join ops.load_ledger as ledger on ledger.stream = cursors.stream
group by cursors.stream, cursors.as_of
"""

ERASURES_SQL = "select tables from ops.erasures"

# Not from the cursors: what the figures rest on is what the models have seen, and the deadline
# knows windows, calendars and sweeps.
DEADLINE_SQL = """
select stream, as_of, fresh_until
from reporting.rpt_stream_status
"""

COLUMNS_SQL = """
select table_name, column_name, data_type
from information_schema.columns
where table_schema = 'raw'
"""


def keys_sql() -> str:
    """Return one query over all raw tables: versions, empty keys, repeated keys at a moment.

    Only of committed loads: nothing else reads what a broken attempt may have left.
    """
    return "\nunion all\n".join(
        f"select '{t.stream}' as stream, count(*) as versions, "
        f"count(*) filter (where {t.primary_key} is null or {t.primary_key} = '') as empty_keys, "
        f"count(*) - count(distinct {t.primary_key} || ' ' || cast(_as_of as varchar)) "
        "as repeated_keys "
        f"from {committed_rows(t)} as versions"
        for t in CONTRACT
    )


def gather(
    reader: Reader, checks: tuple[Check, ...], metrics: tuple[Metric, ...], now: datetime
) -> list[Evidence]:
    """Return the evidence of every check, in the order of `checks`."""
    metric_rows, metric_problem = _ask(reader, METRIC_SQL, "metric_id")
    series, series_problem = _series(reader)
    account_rows, account_problem = _ask(reader, ACCOUNTS_SQL, "accounts")
    stream_rows, stream_problem = _streams(reader)
    key_rows, key_problem = _ask(reader, keys_sql(), "stream")
    deadlines, deadline_problem = _ask(reader, DEADLINE_SQL, "stream")
    columns, column_problem = _columns(reader)
    catalogue = {m.metric_id: m for m in metrics}
    accounts = next(iter(account_rows), None)
    found: list[Evidence] = []
    for check in checks:
        if check.subject_kind == "metric":
            problem = metric_problem or (account_problem if check.rule == "bounds" else "")
            row = metric_rows.get(check.subject)
            metric = catalogue[check.subject]
            if check.rule == "anomaly":
                values = series.get(check.subject, [])
                found.append(_anomaly(check, metric, row, values, metric_problem or series_problem))
            else:
                found.append(_metric(check, metric, row, accounts, now, problem))
        elif check.rule == "schema":
            found.append(_schema(check, columns, stream_rows.get(check.subject), column_problem))
        elif check.rule == "freshness":
            row = deadlines.get(check.subject)
            found.append(_stream_freshness(check, row, now, deadline_problem))
        else:
            pair = (stream_rows.get(check.subject), key_rows.get(check.subject))
            found.append(_stream(check, pair, stream_problem or key_problem))
    return found


def _ask(reader: Reader, sql: str, key: str) -> tuple[dict[Any, dict[str, Any]], str]:
    """Run one bundled query; the second value says why it could not run."""
    try:
        return {row[key]: row for row in reader.rows(sql)}, ""
    except Exception as error:  # a broken query is a verdict of its own, whatever broke it
        return {}, f"the query could not run: {error}"


def _streams(reader: Reader) -> tuple[dict[Any, dict[str, Any]], str]:
    """Return where every stream stands; an erasure keeps the ledger's counts, not the rows."""
    try:
        erasures = [json.loads(row["tables"]) for row in reader.rows(ERASURES_SQL)]
    except Exception as error:  # as above
        return {}, f"the query could not run: {error}"
    found, problem = _ask(reader, STREAM_SQL, "stream")
    for table in CONTRACT:
        if table.stream in found:
            erased = sum(counts.get(f"raw.{table.raw_name}", 0) for counts in erasures)
            found[table.stream]["ledger_rows"] -= erased
    return found, problem


def _columns(reader: Reader) -> tuple[dict[str, dict[str, str]], str]:
    tables: dict[str, dict[str, str]] = {}
    try:
        for row in reader.rows(COLUMNS_SQL):
            tables.setdefault(row["table_name"], {})[row["column_name"]] = row["data_type"]
    except Exception as error:  # as above
        return {}, f"the query could not run: {error}"
    return tables, ""


def _hours(later: datetime, earlier: datetime) -> float:
    return (_aware(later) - _aware(earlier)).total_seconds() / 3600


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _metric(
    check: Check,
    metric: Metric,
    row: dict[str, Any] | None,
    accounts: int | None,
    now: datetime,
    problem: str,
) -> Evidence:
    if problem:
        return Evidence(check, problem=problem)
    if row is None:
        return Evidence(check, problem="the metric has no status row: nothing was computed for it")
    as_of = row["as_of"]
    if check.rule == "freshness":
        # The deadline knows the calendar: hours over a weekend may not count.
        until = row["fresh_until"]
        is_known = None not in (metric.window_hours, until, as_of)
        window = _hours(until, as_of) if is_known else None
        return _freshness(check, as_of, window, now)
    if not row["observations"]:
        return Evidence(check, as_of=as_of, problem=NO_OBSERVATION)
    if not row["measured"]:
        return Evidence(check, as_of=as_of, problem="all NULL: no observation has a value")
    if check.rule == "bounds":
        # Counts of accounts cannot exceed the accounts; the others have no natural ceiling.
        ceiling = accounts if metric.unit.split("/")[0] == "accounts" else float("inf")
        if not ceiling:
            return Evidence(check, as_of=as_of, problem="parameter missing: no account has landed")
        return Evidence(check, row["lowest"], row["highest"], 0, ceiling, as_of)
    if as_of is None:
        return Evidence(check, problem="parameter missing: the metric has no as_of")
    if check.rule == "completeness":
        late = ((as_of.date() - timedelta(days=1)) - row["last_date"]).days
        return Evidence(check, late, late, 0, 0, as_of)
    days = (row["last_date"] - row["first_date"]).days + 1
    return Evidence(check, days - row["measured"], days - row["measured"], 0, 0, as_of)


def _series(reader: Reader) -> tuple[dict[str, list[tuple[date, Number]]], str]:
    found: dict[str, list[tuple[date, Number]]] = {}
    try:
        for row in reader.rows(SERIES_SQL):
            found.setdefault(row["metric_id"], []).append((row["observation_date"], row["value"]))
    except Exception as error:  # as above
        return {}, f"the query could not run: {error}"
    return found, ""


def _anomaly(
    check: Check,
    metric: Metric,
    row: dict[str, Any] | None,
    values: list[tuple[date, Number]],
    problem: str,
) -> Evidence:
    if problem:
        return Evidence(check, problem=problem)
    as_of = row["as_of"] if row else None
    if not values:
        return Evidence(check, as_of=as_of, problem=NO_OBSERVATION)
    known = {day: float(value) for day, value in values if value is not None}
    first, last = values[0][0], values[-1][0]
    if last not in known:
        return Evidence(check, as_of=as_of, problem="all NULL: the last day has no value")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    band = expected([known.get(day, nan) for day in days], last, metric.value_kind)
    if band is None:
        return Evidence(check, as_of=as_of, problem=f"empty: fewer than {NEEDED_DAYS} days known")
    return Evidence(check, known[last], known[last], band.low, band.high, as_of)


def _freshness(
    check: Check, as_of: datetime | None, window: float | None, now: datetime
) -> Evidence:
    if as_of is None:
        return Evidence(check, problem="empty: nothing has been read yet, so there is no as_of")
    if window is None:
        problem = "parameter missing: no freshness window in the catalogue"
        return Evidence(check, as_of=as_of, problem=problem)
    age = _hours(now, as_of)
    # Evidence from the future is as wrong as evidence that is too old.
    return Evidence(check, age, age, 0, window, as_of)


def _stream_freshness(
    check: Check, row: dict[str, Any] | None, now: datetime, problem: str
) -> Evidence:
    if problem:
        return Evidence(check, problem=problem)
    if row is None:
        return Evidence(check, problem="the stream has no status row: no model knows it")
    as_of, until = row["as_of"], row["fresh_until"]
    window = None if None in (as_of, until) else _hours(until, as_of)
    return _freshness(check, as_of, window, now)


def _stream(
    check: Check,
    rows: tuple[dict[str, Any] | None, dict[str, Any] | None],
    problem: str,
) -> Evidence:
    ledger, keys = rows
    if problem:
        return Evidence(check, problem=problem)
    if ledger is None:
        return Evidence(check, problem="empty: the stream was never loaded")
    as_of = ledger["as_of"]
    if keys is None:
        return Evidence(check, as_of=as_of, problem="the raw table gave no row")
    if check.rule == "key":
        bad = keys["empty_keys"] + keys["repeated_keys"]
        return Evidence(check, bad, bad, 0, 0, as_of)
    off = keys["versions"] - int(ledger["ledger_rows"])
    return Evidence(check, off, off, 0, 0, as_of)


def _schema(
    check: Check,
    columns: dict[str, dict[str, str]],
    ledger: dict[str, Any] | None,
    problem: str,
) -> Evidence:
    table = contract_table(check.subject)
    as_of = ledger["as_of"] if ledger else None
    if problem:
        return Evidence(check, as_of=as_of, problem=problem)
    present = columns.get(table.raw_name)
    if not present:
        return Evidence(check, as_of=as_of, problem=f"raw.{table.raw_name} does not exist")
    expected = {c.name: SQL_TYPES[c.type] for c in (*table.landed_columns, *META_COLUMNS)}
    wrong = sum(_plain(present.get(name, "")) != _plain(kind) for name, kind in expected.items())
    return Evidence(check, wrong, wrong, 0, 0, as_of)


def _plain(data_type: str) -> str:
    return data_type.replace(" ", "").lower()
