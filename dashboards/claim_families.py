"""Claims of tickets, drift, bad debt and the graph, declared for the names found in the models.

Part of `claims.py`, which assembles the page's claims; nothing here runs a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from dashboards.claim import Claim, Format, quoted
from orchestration.owners import PLATFORM_OWNER, SUPPORT_OWNER

DETECTOR_METRIC = {"stripe": "stripe_drift_accounts", "zone_plan": "zone_plan_drift_accounts"}
"""The detectors that the page shows by kind, and the metric of each."""
Metrics = Mapping[str, tuple[str, str]]
"""Owner and unit of each metric, as the catalogue has them."""

TICKET_STREAMS = ("jira.issues", "tickets.classifications")
GRAPH_STREAMS = ("knowledge.nodes", "knowledge.edges")


def _ticket(claim_id: str, sentence: str, sql: str, unit: str, kind: Format) -> Claim:
    return Claim(claim_id, sentence, sql, unit, kind, SUPPORT_OWNER, streams=TICKET_STREAMS)


def ticket_claims(categories: Iterable[str]) -> Iterator[Claim]:
    table = "from reporting.rpt_ticket_categories"
    share = "100.0 * sum(engineering_blocked) / nullif(sum(tickets), 0)"
    yield _ticket(
        "tickets.total",
        "Tickets in the window",
        f"select sum(tickets)\n{table}",
        "tickets",
        "integer",
    )
    # What nobody classified says nothing of who must act, and refunds need no engineer.
    classified = f"{table}\nwhere category not in ('refund', 'unclassified')"
    for name, sentence, column in (
        ("blocked_percent", "Share that only an engineer can close", share),
        ("blocked_least", "Lowest share of a category", "min(engineering_blocked_percent)"),
        ("blocked_most", "Highest share of a category", "max(engineering_blocked_percent)"),
    ):
        yield _ticket(
            f"tickets.{name}",
            f"{sentence}, classified tickets, refunds apart",
            f"select {column}\n{classified}",
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
        "select string_agg(iso_week || '=' || cast(tickets as string) || '/' || "
        "cast(engineering_blocked as string), ',' order by iso_week)\n"
        f"from reporting.rpt_tickets_weekly\n{where}",
        "tickets/those that need an engineer, by ISO week",
        "series",
    )


def drift_claims(detector_kinds: Iterable[tuple[str, str]], metrics: Metrics) -> Iterator[Claim]:
    """What each detector finds; whoever owns a detector's metric answers for it."""
    for claim in _drift_claims(detector_kinds):
        yield replace(claim, owner=_owner_of(claim.metric_id, metrics))


def _drift_claims(detector_kinds: Iterable[tuple[str, str]]) -> Iterator[Claim]:
    for detector in dict.fromkeys(detector for detector, _ in detector_kinds):
        where = f"where detector = {quoted(detector)}"
        yield from _drift_counts(f"drift.{detector}", detector, where, detector)
        yield _drift_claim(
            f"drift.{detector}.daily",
            detector,
            f"Open, new and resolved discrepancies a day, {detector}",
            "select string_agg(d || '=' || o || '/' || n || '/' || r, ',' order by d)\nfrom (\n"
            "  select\n    cast(observation_date as string) as d,\n"
            "    cast(sum(open_count) as string) as o,\n"
            "    cast(sum(new_count) as string) as n,\n"
            "    cast(sum(resolved_count) as string) as r\n"
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
    last = (
        "(\n    select max(observation_date) from reporting.rpt_drift_daily\n"
        f"    where detector = {quoted(detector)}\n  )"
    )
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
    metric_id = DETECTOR_METRIC.get(detector, "")
    return Claim(claim_id, sentence, sql, unit, kind, PLATFORM_OWNER, metric_id=metric_id)


def _owner_of(metric_id: str, metrics: Metrics) -> str:
    return metrics.get(metric_id, (PLATFORM_OWNER, ""))[0]


def bad_debt_claims(metrics: Metrics) -> Iterator[Claim]:
    def claim(name: str, sentence: str, sql: str, unit: str, kind: Format, metric: str) -> Claim:
        owner = _owner_of(metric, metrics)
        return Claim(f"bad_debt.{name}", sentence, sql, unit, kind, owner, metric_id=metric)

    table = "from reporting.rpt_bad_debt"
    day = "cast(observation_date as string)"
    yield claim(
        "stock_daily",
        "Flagged accounts at the end of each day",
        f"select string_agg({day} || '=' || cast(stock as string), ',' "
        f"order by observation_date)\n{table}\nwhere stock is not null",
        "accounts, by UTC day",
        "series",
        "bad_debt_accounts",
    )
    yield claim(
        "flow_daily",
        "Accounts that entered and left bad debt each day",
        f"select string_agg({day} || '=' || cast(entries as string) || '/' || "
        "cast(exits as string), ',' order by observation_date)\n"
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


def combination_claim(combination: str, metrics: Metrics) -> Claim:
    metric_id = "bad_debt_inconsistent_accounts"
    return Claim(
        claim_id=f"triple_store.{combination}",
        sentence=f"Accounts with flag, timestamp and metadata {combination}",
        sql=(
            "select sum(accounts)\nfrom reporting.rpt_triple_store\n"
            f"where combination = {quoted(combination)}"
        ),
        unit="accounts",
        format="integer",
        owner=_owner_of(metric_id, metrics),
        metric_id=metric_id,
    )


def graph_claims(cells: Iterable[tuple[str, str]]) -> Iterator[Claim]:
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


def blast_claim() -> Claim:
    """What rests on each source of the graph, and what would fall with it; a row a source."""
    return Claim(
        claim_id="graph.blast",
        sentence="Nodes that rest on each source, and claims that would lose every proof with it",
        sql=(
            "select string_agg(node_id || '=' || cast(nodes as string) || '/'\n"
            "  || cast(metrics as string) || '/' || cast(claims as string) || '/'\n"
            "  || cast(hypotheses as string) || '/' || cast(claims_that_fall as string),\n"
            "  ',' order by node_id)\nfrom reporting.rpt_graph_blast_radius\n"
            "where kind = 'datasource' and not is_simulated"
        ),
        unit="nodes/metrics/claims/hypotheses/claims that fall, by source",
        format="series",
        owner=PLATFORM_OWNER,
        streams=GRAPH_STREAMS,
    )


def authored_claims(authored: Iterable[tuple[str, str, str, str, str]]) -> Iterator[Claim]:
    """Claims that authors wrote into the graph with a query of their own."""
    for node_id, statement, query, unit, metric_id in authored:
        yield Claim(node_id, statement, query, unit, "number", PLATFORM_OWNER, metric_id=metric_id)
