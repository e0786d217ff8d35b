"""Claims of the companion pages: streams, checks, incidents, digests, the glossary, money at stake.

Part of `claims.py`, which assembles all claims; nothing here runs a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dashboards.claim import Claim, Format, Wording, quoted
from dashboards.claim_families import DETECTOR_METRIC, GRAPH_STREAMS, TICKET_STREAMS
from orchestration.owners import PLATFORM_OWNER, SUPPORT_OWNER


def stream_claims(stream: str) -> Iterator[Claim]:
    """How far a stream was read, and how old that is: known from the load ledger."""
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("as_of", "Completeness horizon", "as_of", "UTC time", "moment"),
        ("age", "Age of the evidence", "age_hours", "hours", "hours"),
    )
    for name, sentence, column, unit, kind in columns:
        yield Claim(
            claim_id=f"stream.{stream}.{name}",
            sentence=f"{sentence} of {stream}",
            sql=(
                f"select {column}\nfrom reporting.rpt_stream_status\n"
                f"where stream = {quoted(stream)}"
            ),
            unit=unit,
            format=kind,
            owner=PLATFORM_OWNER,
        )


def figure_of_a_name(
    family: str, model: str, name: str, unit: str, streams: tuple[str, ...]
) -> Claim:
    """One count of the platform; without streams it counts declared names and is asserted."""
    return Claim(
        claim_id=f"{family}.{name}",
        sentence=f"Platform fact {name}",
        sql=f"select value\nfrom reporting.{model}\nwhere fact_id = {quoted(name)}",
        unit=unit,
        format="number",
        owner=PLATFORM_OWNER,
        streams=streams,
        is_asserted=not streams,
    )


def check_claims(
    checks: Iterable[tuple[str, str]], metrics: Mapping[str, tuple[str, str]]
) -> Iterator[Claim]:
    """What each check of a metric observed when it last ran."""
    for check_id, metric_id in checks:
        yield Claim(
            claim_id=f"check.{check_id}",
            sentence=f"What check {check_id} observed",
            sql=(
                "select verdict || ': ' || coalesce(observed, 'nothing')\n"
                f"from reporting.rpt_checks\nwhere check_id = {quoted(check_id)}"
            ),
            unit="verdict and observation",
            format="text",
            owner=metrics.get(metric_id, (PLATFORM_OWNER, ""))[0],
        )


def incident_claims(incidents: Iterable[str]) -> Iterator[Claim]:
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("message", "What happened", "message", "message", "text"),
        ("opened_at", "When it opened", "opened_at", "UTC time", "moment"),
    )
    for incident in incidents:
        for name, sentence, column, unit, kind in columns:
            yield Claim(
                claim_id=f"incident.{incident}.{name}",
                sentence=f"{sentence}, incident {incident}",
                sql=(
                    f"select {column}\nfrom reporting.rpt_incidents\n"
                    f"where incident_id = {quoted(incident)}"
                ),
                unit=unit,
                format=kind,
                owner=PLATFORM_OWNER,
            )


def stake_claims(stakes: Iterable[tuple[str, str]]) -> Iterator[Claim]:
    """Money behind the open discrepancies of a detector, where a price is known."""
    for detector, currency in stakes:
        where = f"where detector = {quoted(detector)} and currency = {quoted(currency)}"
        daily = (
            "select string_agg(d || '=' || m, ',' order by d)\nfrom (\n  select\n"
            "    cast(observation_date as string) as d,\n"
            "    cast(sum(amount_minor) as string) as m\n  from reporting.rpt_drift_days\n"
            f"  {where} and state <> 'suspended' and amount_minor is not null\n"
            "  group by observation_date\n) as daily"
        )
        last = (
            f"select coalesce(sum(amount_minor), 0)\nfrom reporting.rpt_drift_days\n{where}\n"
            "  and state <> 'suspended' and observation_date = (\n"
            "    select max(observation_date) from reporting.rpt_drift_daily\n"
            f"    where detector = {quoted(detector)}\n  )"
        )
        shapes: tuple[tuple[str, str, str, Format], ...] = (
            ("stake", "Money at stake on the last complete day", last, "minor"),
            ("stake_daily", "Money at stake by day", daily, "series"),
        )
        for name, sentence, sql, kind in shapes:
            yield Claim(
                claim_id=f"drift.{detector}.{name}.{currency}",
                sentence=f"{sentence}, {detector}, {currency.upper()}",
                sql=sql,
                unit=f"{currency.upper()} minor units",
                format=kind,
                owner=PLATFORM_OWNER,
                metric_id=DETECTOR_METRIC.get(detector, ""),
            )


def debt_claims(nodes: Iterable[str]) -> Iterator[Claim]:
    """How much rests on a claim that nothing backs."""
    for node in nodes:
        yield Claim(
            claim_id=f"debt.{node}.resting",
            sentence=f"Nodes of the graph that rest on {node}",
            sql=(
                "select resting_nodes\nfrom reporting.rpt_graph_debt\n"
                f"where node_id = {quoted(node)}"
            ),
            unit="nodes",
            format="integer",
            owner=PLATFORM_OWNER,
            streams=GRAPH_STREAMS,
        )


def judged_claims(nodes: Iterable[str]) -> Iterator[Claim]:
    """What a judged hypothesis predicted and what its metric did."""
    for node in nodes:
        for column, sentence in (
            ("mean_before", "Mean before delivery"),
            ("mean_after", "Mean after delivery"),
            ("expected_value", "What was predicted"),
        ):
            yield _of_hypothesis(node, column, sentence, "as the metric's", "number")


def _of_hypothesis(node: str, column: str, sentence: str, unit: str, kind: Format) -> Claim:
    return Claim(
        claim_id=f"{node}.{column}",
        sentence=f"{sentence}, {node}",
        sql=f"select {column}\nfrom reporting.rpt_hypotheses\nwhere node_id = {quoted(node)}",
        unit=unit,
        format=kind,
        owner=PLATFORM_OWNER,
        streams=GRAPH_STREAMS,
    )


def delivery_claims(nodes: Iterable[str], judged: frozenset[str]) -> Iterator[Claim]:
    """The days before and after the workstream of a hypothesis was delivered."""
    for node in nodes:
        if node not in judged:
            yield from judged_claims([node])
        shipped = "Day on which its workstream was delivered"
        yield _of_hypothesis(node, "shipped_on", shipped, "UTC day", "date")
        window = "Days before and after that are compared"
        yield _of_hypothesis(node, "window_days", window, "days", "integer")
        yield Claim(
            claim_id=f"{node}.series",
            sentence=f"Before and after delivery, {node}",
            sql=(
                "select string_agg(cast(observation_date as string) || '='\n"
                "  || cast(value as string) || '/' || case when is_after\n"
                "    then coalesce(cast(counterfactual_value as string), '') else '' end,\n"
                "  ',' order by observation_date)\n"
                f"from reporting.rpt_hypothesis_series\nwhere node_id = {quoted(node)}"
            ),
            unit="value/mean before, carried on, by UTC day",
            format="series",
            owner=PLATFORM_OWNER,
            streams=GRAPH_STREAMS,
        )


def pattern_claims(patterns: Iterable[str]) -> Iterator[Claim]:
    """Evidence of each ticket pattern: an entry is one pattern seen in one ISO week."""
    table = "from reporting.rpt_pattern_evidence"

    def claim(claim_id: str, sentence: str, sql: str, unit: str, kind: Format) -> Claim:
        return Claim(claim_id, sentence, sql, unit, kind, SUPPORT_OWNER, streams=TICKET_STREAMS)

    found = list(patterns)
    if found:
        total = f"select count(*)\n{table}"
        yield claim("pattern.entries", "Evidence entries", total, "pattern weeks", "integer")
        tracked = "select count(*)\nfrom reporting.rpt_patterns"
        yield claim("pattern.tracked", "Tracked patterns", tracked, "patterns", "integer")
    for pattern in found:
        where = f"where pattern_id = {quoted(pattern)}"
        for name, sentence, column, unit in (
            ("tickets", "Tickets of the pattern", "coalesce(sum(tickets), 0)", "tickets"),
            ("weeks", "Weeks in which it was seen", "count(*)", "ISO weeks"),
        ):
            sql = f"select {column}\n{table}\n{where}"
            yield claim(f"pattern.{pattern}.{name}", f"{sentence} {pattern}", sql, unit, "integer")
        yield claim(
            f"pattern.{pattern}.weekly",
            f"Tickets a week of the pattern {pattern}",
            "select string_agg(iso_week || '=' || cast(tickets as string), ',' order by iso_week)\n"
            f"{table}\n{where}",
            "tickets, by ISO week",
            "series",
        )


def restatement_claim(metric_id: str, owner: str) -> Claim:
    """Every value of a metric that was said differently later, as one text."""
    return Claim(
        claim_id=f"metric.{metric_id}.restatements",
        sentence=f"Values of {metric_id} that were restated, with both values and the cause",
        sql=(
            "select string_agg(cast(observation_date as string) || ': '\n"
            "  || coalesce(cast(old_value as string), 'none') || ' to '\n"
            "  || coalesce(cast(new_value as string), 'none') || ', ' || coalesce(cause, ''),\n"
            "  '; ' order by restated_at, observation_date, version_number)\n"
            "from reporting.rpt_metric_restatements\n"
            f"where metric_id = {quoted(metric_id)} and dimension = 'all'"
        ),
        unit="day, value before, value since, cause",
        format="text",
        owner=owner,
        metric_id=metric_id,
    )


def wording_claim(claim_id: str, wording: Wording) -> Claim:
    """A text that holds a digit: asserted by its author, or agreed with its owner."""
    return Claim(
        claim_id=claim_id,
        sentence=wording.sentence,
        sql=wording.sql,
        unit="text",
        format="text",
        owner=wording.owner,
        is_asserted=not wording.is_agreed,
        is_agreed=wording.is_agreed,
    )
