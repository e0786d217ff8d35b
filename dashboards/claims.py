"""Every figure of the page, declared once: what it says, the query behind it, who answers for it.

A claim is one query over reporting models that yields one value. Families (a metric,
a ticket category, a detector's kind) are declared as functions of the names found in
the reporting models; no figure is typed here. Nothing here runs a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Format = Literal["integer", "number", "percent", "age", "hours", "date", "moment", "text", "series"]

DETECTORS = ("stripe", "zone_plan")
DETECTOR_METRIC = {"stripe": "stripe_drift_accounts", "zone_plan": "zone_plan_drift_accounts"}
TICKET_STREAMS = ("jira.issues", "tickets.classifications")
GRAPH_STREAMS = ("knowledge.nodes", "knowledge.edges")
PLATFORM_OWNER = "billing-data"
SUPPORT_OWNER = "billing-support"


@dataclass(frozen=True)
class Claim:
    """One figure. Its evidence is a metric's, or that of named streams, or the load ledger's.

    `sentence` says what the value is; `unit` always stands (for text and times: what they
    are); `is_asserted` marks text that no query of a source stands behind.
    """

    claim_id: str
    sentence: str
    sql: str
    unit: str
    format: Format
    owner: str
    metric_id: str = ""
    streams: tuple[str, ...] = ()
    is_asserted: bool = False


@dataclass(frozen=True)
class Dimensions:
    """Names found in the reporting models, in the order in which the page shows them."""

    metric_owners: dict[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    detector_kinds: tuple[tuple[str, str], ...] = ()
    combinations: tuple[str, ...] = ()
    graph_cells: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    has_bad_debt: bool = False


def quoted(text: str) -> str:
    """Return `text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def declare(names: Dimensions) -> list[Claim]:
    """Return every claim of the page for these names; claim ids are unique."""
    claims: list[Claim] = []
    for metric_id, owner in names.metric_owners.items():
        claims += _metric(metric_id, owner)
    claims += _freshness()
    for source in names.sources:
        claims += _source(source)
    claims += [_fact(fact) for fact in names.facts]
    if names.categories:
        claims += _tickets(names.categories)
    claims += _drift(names.detector_kinds)
    if names.has_bad_debt:
        claims += _bad_debt()
    claims += [_combination(combination) for combination in names.combinations]
    if names.graph_cells:
        claims += _graph(names.graph_cells)
    _refuse_duplicates(claims)
    return claims


def _refuse_duplicates(claims: Iterable[Claim]) -> None:
    seen: set[str] = set()
    for claim in claims:
        if claim.claim_id in seen:
            raise ValueError(f"claim {claim.claim_id!r} is declared twice")
        seen.add(claim.claim_id)


def _metric(metric_id: str, owner: str) -> Iterator[Claim]:
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("value", "Value on the last complete day", "value", "the metric's unit", "number"),
        ("value_date", "Day of the value", "value_date", "UTC day", "date"),
        ("warning", "Warning level", "warning", "the metric's unit", "number"),
        ("critical", "Critical level", "critical", "the metric's unit", "number"),
        ("target", "Target", "target", "the metric's unit", "number"),
        ("first_mean", "Mean of the first seven days", "first_mean_7d", "mean a day", "number"),
        ("trend_mean", "Mean of the last seven days", "trend_mean_7d", "mean a day", "number"),
        ("first_date", "First day measured", "first_date", "UTC day", "date"),
        ("change", "Change since the first week", "change_ratio * 100", "percent", "percent"),
    )
    where = f"where metric_id = {quoted(metric_id)}"
    for name, sentence, column, unit, kind in columns:
        yield Claim(
            claim_id=f"metric.{metric_id}.{name}",
            sentence=f"{sentence} of {metric_id}",
            sql=f"select {column}\nfrom reporting.rpt_metric_status\n{where}",
            unit=unit,
            format=kind,
            owner=owner,
            metric_id=metric_id,
        )
    yield from _metric_ages(metric_id, owner, where)
    yield Claim(
        claim_id=f"metric.{metric_id}.series",
        sentence=f"Daily values of {metric_id}",
        sql=(
            "select string_agg(cast(observation_date as varchar) || '=' || cast(value as varchar),"
            " ',' order by observation_date)\n"
            f"from reporting.rpt_metric_series\n{where}"
        ),
        unit="the metric's unit, by UTC day",
        format="series",
        owner=owner,
        metric_id=metric_id,
    )


def _metric_ages(metric_id: str, owner: str, where: str) -> Iterator[Claim]:
    """Age claims read the ledger: how old evidence is, is known even when it is old."""
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("as_of", "Completeness horizon of the oldest stream", "as_of", "UTC time", "moment"),
        ("age", "Age of the evidence", "age_hours", "hours", "hours"),
        ("stale_by", "How stale the evidence is", "stale_by_hours", "hours", "age"),
    )
    for name, sentence, column, unit, kind in columns:
        yield Claim(
            claim_id=f"metric.{metric_id}.{name}",
            sentence=f"{sentence} of {metric_id}",
            sql=f"select {column}\nfrom reporting.rpt_metric_status\n{where}",
            unit=unit,
            format=kind,
            owner=owner,
        )


def _count(claim_id: str, sentence: str, table: str, condition: str, unit: str) -> Claim:
    return Claim(
        claim_id=claim_id,
        sentence=sentence,
        sql=f"select count(*)\nfrom reporting.{table}\nwhere {condition}",
        unit=unit,
        format="integer",
        owner=PLATFORM_OWNER,
    )


def _freshness() -> list[Claim]:
    status = "rpt_metric_status"
    latest = "select max(coalesce(last_attempt_at, as_of))\nfrom reporting.rpt_stream_status"
    return [
        _count("freshness.metrics", "Named metrics", status, "metric_id is not null", "metrics"),
        _count("freshness.fresh", "Fresh metrics", status, "freshness = 'fresh'", "metrics"),
        _count("freshness.stale", "Stale metrics", status, "freshness = 'stale'", "metrics"),
        _count("freshness.unknown", "Unknown age", status, "freshness = 'unknown'", "metrics"),
        _count("level.critical", "Critical metrics", status, "level = 'critical'", "metrics"),
        _count("level.warning", "Metrics at warning", status, "level = 'warning'", "metrics"),
        _count("level.ok", "Metrics within levels", status, "level = 'ok'", "metrics"),
        _count("checks.failed", "Failed checks", status, "check_verdict = 'failed'", "metrics"),
        _count("checks.broken", "Broken checks", status, "check_verdict = 'broken'", "metrics"),
        _count(
            "streams.failed",
            "Streams whose last read failed",
            "rpt_stream_status",
            "last_status = 'failed'",
            "streams",
        ),
        Claim(
            "site.read_at", "Last read of any source", latest, "UTC time", "moment", "billing-data"
        ),
    ]


def _source(source: str) -> Iterator[Claim]:
    where = f"where source = {quoted(source)}"
    failed = f"{where} and last_status = 'failed'"
    rows: tuple[tuple[str, str, str, str, str, Format], ...] = (
        ("as_of", "Oldest horizon", "min(as_of)", where, "UTC time", "moment"),
        ("age", "Age of the oldest stream", "max(age_hours)", where, "hours", "age"),
        ("failed", "Streams whose last read failed", "count(*)", failed, "streams", "integer"),
        ("error", "What the last failed read said", "min(last_error)", failed, "message", "text"),
    )
    for name, sentence, column, condition, unit, kind in rows:
        yield Claim(
            claim_id=f"source.{source}.{name}",
            sentence=f"{sentence} of {source}",
            sql=f"select {column}\nfrom reporting.rpt_stream_status\n{condition}",
            unit=unit,
            format=kind,
            owner=PLATFORM_OWNER,
        )


def _fact(fact: str) -> Claim:
    return Claim(
        claim_id=f"fact.{fact}",
        sentence=f"Platform fact {fact}",
        sql=f"select value\nfrom reporting.rpt_platform_facts\nwhere fact_id = {quoted(fact)}",
        unit="the fact's unit",
        format="number",
        owner=PLATFORM_OWNER,
    )


def _ticket(claim_id: str, sentence: str, sql: str, unit: str, kind: Format) -> Claim:
    return Claim(claim_id, sentence, sql, unit, kind, SUPPORT_OWNER, streams=TICKET_STREAMS)


def _tickets(categories: Iterable[str]) -> Iterator[Claim]:
    table = "from reporting.rpt_ticket_categories"
    share = "100.0 * sum(engineering_blocked) / nullif(sum(tickets), 0)"
    yield _ticket(
        "tickets.total",
        "Tickets in the window",
        f"select sum(tickets)\n{table}",
        "tickets",
        "integer",
    )
    yield _ticket(
        "tickets.blocked_percent",
        "Share that only an engineer can close",
        f"select {share}\n{table}",
        "percent of tickets",
        "percent",
    )
    for name, column in (("start", "min(window_start)"), ("end", "max(window_end)")):
        sql = f"select {column}\n{table}"
        yield _ticket(f"tickets.window_{name}", f"Window {name}", sql, "UTC day", "date")
    for category in categories:
        yield from _category(category, table)


def _category(category: str, table: str) -> Iterator[Claim]:
    where = f"where category = {quoted(category)}"
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("total", "Tickets in the window", "tickets", "tickets", "integer"),
        ("share", "Share of all tickets", "share_percent", "percent of tickets", "percent"),
        ("peak", "Tickets in the peak week", "peak_tickets", "tickets", "integer"),
        ("peak_week", "Peak week", "peak_week", "ISO week", "text"),
        (
            "blocked_percent",
            "Share that only an engineer can close",
            "engineering_blocked_percent",
            "percent of tickets",
            "percent",
        ),
    )
    for name, sentence, column, unit, kind in columns:
        sql = f"select {column}\n{table}\n{where}"
        title = f"{sentence}, category {category}"
        yield _ticket(f"tickets.{category}.{name}", title, sql, unit, kind)
    yield Claim(
        claim_id=f"tickets.{category}.mechanism",
        sentence=f"How the workstream acts on {category}",
        sql=f"select mechanism\n{table}\n{where}",
        unit="text",
        format="text",
        owner=SUPPORT_OWNER,
        is_asserted=True,
    )
    yield _ticket(
        f"tickets.{category}.weekly",
        f"Tickets a week, category {category}",
        "select string_agg(iso_week || '=' || cast(tickets as varchar), ',' order by iso_week)\n"
        f"from reporting.rpt_tickets_weekly\n{where}",
        "tickets, by ISO week",
        "series",
    )


def _drift(detector_kinds: Iterable[tuple[str, str]]) -> Iterator[Claim]:
    for detector in dict.fromkeys(detector for detector, _ in detector_kinds):
        where = f"where detector = {quoted(detector)}"
        yield from _drift_counts(f"drift.{detector}", detector, where, detector)
        yield _drift_claim(
            f"drift.{detector}.daily",
            detector,
            f"Open, new and resolved discrepancies a day, {detector}",
            "select string_agg(d || '=' || o || '/' || n || '/' || r, ',' order by d)\nfrom (\n"
            "  select\n    cast(observation_date as varchar) as d,\n"
            "    cast(sum(open_count) as varchar) as o,\n"
            "    cast(sum(new_count) as varchar) as n,\n"
            "    cast(sum(resolved_count) as varchar) as r\n"
            f"  from reporting.rpt_drift_daily\n  {where}\n  group by observation_date\n) as daily",
            "open/new/resolved discrepancies, by UTC day",
            "series",
        )
        yield _drift_claim(
            f"drift.{detector}.excluded",
            detector,
            f"Would-be discrepancies excluded with a reason, {detector}",
            "select count(distinct entity_id)\nfrom reporting.rpt_drift_exclusions\n"
            f"{where} and observation_date = (\n"
            f"  select max(observation_date) from reporting.rpt_drift_daily {where}\n)",
            "entities",
            "integer",
        )
    for detector, kind in detector_kinds:
        where = f"where detector = {quoted(detector)} and kind = {quoted(kind)}"
        yield from _drift_counts(f"drift.{detector}.{kind}", detector, where, f"{detector} {kind}")


def _drift_counts(prefix: str, detector: str, where: str, said: str) -> Iterator[Claim]:
    last = f"(select max(observation_date) from reporting.rpt_drift_daily where detector = {quoted(detector)})"
    for name, column in (
        ("open", "open_count"),
        ("new", "new_count"),
        ("resolved", "resolved_count"),
    ):
        yield _drift_claim(
            f"{prefix}.{name}",
            detector,
            f"Discrepancies {name} on the last complete day, {said}",
            f"select coalesce(sum({column}), 0)\nfrom reporting.rpt_drift_daily\n{where}\n"
            f"  and observation_date = {last}",
            "discrepancies",
            "integer",
        )


def _drift_claim(
    claim_id: str, detector: str, sentence: str, sql: str, unit: str, kind: Format
) -> Claim:
    owner = {"stripe": "billing-engine", "zone_plan": "billing-core"}.get(detector, PLATFORM_OWNER)
    metric_id = DETECTOR_METRIC.get(detector, "")
    return Claim(claim_id, sentence, sql, unit, kind, owner, metric_id=metric_id)


def _bad_debt() -> Iterator[Claim]:
    def claim(name: str, sentence: str, sql: str, unit: str, kind: Format, metric: str) -> Claim:
        owner = "billing-collections"
        return Claim(f"bad_debt.{name}", sentence, sql, unit, kind, owner, metric_id=metric)

    table = "from reporting.rpt_bad_debt"
    day = "cast(observation_date as varchar)"
    yield claim(
        "stock_daily",
        "Flagged accounts at the end of each day",
        f"select string_agg({day} || '=' || cast(stock as varchar), ',' order by observation_date)\n"
        f"{table}\nwhere stock is not null",
        "accounts, by UTC day",
        "series",
        "bad_debt_accounts",
    )
    yield claim(
        "flow_daily",
        "Accounts that entered and left bad debt each day",
        f"select string_agg({day} || '=' || cast(entries as varchar) || '/' || "
        "cast(exits as varchar), ',' order by observation_date)\n"
        f"{table}\nwhere entries is not null and exits is not null",
        "entries/exits in accounts, by UTC day",
        "series",
        "bad_debt_entries_per_day",
    )
    for name in ("entries", "exits"):
        yield claim(
            f"{name}_total",
            f"Accounts counted as {name} over the days shown",
            f"select sum({name})\n{table}",
            "accounts",
            "integer",
            f"bad_debt_{name}_per_day",
        )


def _combination(combination: str) -> Claim:
    return Claim(
        claim_id=f"triple_store.{combination}",
        sentence=f"Accounts with flag, timestamp and metadata {combination}",
        sql=(
            "select sum(accounts)\nfrom reporting.rpt_triple_store\n"
            f"where combination = {quoted(combination)}"
        ),
        unit="accounts",
        format="integer",
        owner="billing-collections",
        metric_id="bad_debt_inconsistent_accounts",
    )


def _graph(cells: Iterable[tuple[str, str]]) -> Iterator[Claim]:
    def claim(claim_id: str, sentence: str, condition: str) -> Claim:
        sql = f"select coalesce(sum(nodes), 0)\nfrom reporting.rpt_graph_honesty\nwhere {condition}"
        return Claim(
            claim_id, sentence, sql, "nodes", "integer", PLATFORM_OWNER, streams=GRAPH_STREAMS
        )

    yield claim("graph.nodes", "Nodes of the knowledge graph", "kind is not null")
    cells = list(cells)
    for kind in dict.fromkeys(kind for kind, _ in cells):
        yield claim(f"graph.{kind}.total", f"Nodes of kind {kind}", f"kind = {quoted(kind)}")
    for kind, status in cells:
        condition = f"kind = {quoted(kind)} and status = {quoted(status)}"
        yield claim(f"graph.{kind}.{status}", f"Nodes of kind {kind} that are {status}", condition)
