"""Every figure of the page, declared once: what it says, the query behind it, who answers for it.

A claim is one query over reporting models that yields one value. Families (a metric,
a source, a ticket category, a detector's kind) are declared as functions of the names
found in the reporting models; no figure is typed here. Nothing here runs a query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dashboards.claim import Claim, Dimensions, Format, quoted
from dashboards.claim_digest import classifier_claims, digest_claims
from dashboards.claim_families import (
    authored_claims,
    bad_debt_claims,
    blast_claim,
    combination_claim,
    drift_claims,
    graph_claims,
    ticket_claims,
)
from dashboards.claim_pages import (
    check_claims,
    debt_claims,
    delivery_claims,
    figure_of_a_name,
    incident_claims,
    judged_claims,
    pattern_claims,
    restatement_claim,
    stake_claims,
    stream_claims,
    wording_claim,
)
from orchestration.owners import PLATFORM_OWNER

__all__ = ["HEADLINES", "Claim", "Dimensions", "declare"]

HEADLINES: dict[str, str] = {
    "bad_debt_accounts": "accounts flagged as bad debt",
    "bad_debt_inconsistent_accounts": "accounts on which the stores disagree",
    "double_charged_accounts": "accounts charged twice",
    "uncollectible_invoices_per_day": "uncollectible invoices a day",
    "checkout_rollbacks_per_day": "checkout rollbacks a day",
    "engineering_tickets_per_month": "engineering tickets in thirty days",
}
"""Metrics with a card, and the noun behind the big number."""

_AGREED = frozenset({"warning", "critical", "target", "agreed_on", "window"})


def declare(names: Dimensions) -> list[Claim]:
    """Return every claim of the page for these names; claim ids are unique."""
    claims: list[Claim] = []
    for metric_id, (owner, unit) in names.metrics.items():
        claims += _metric(metric_id, owner, unit)
    claims += _freshness()
    for source in names.sources:
        claims += _source(source)
    for stream in names.streams:
        claims += stream_claims(stream)
    for family, model in (("fact", "rpt_platform_facts"), ("glossary", "rpt_glossary_facts")):
        found = names.facts if family == "fact" else names.glossary
        claims += [figure_of_a_name(family, model, n, *said) for n, said in found.items()]
    if names.categories:
        claims += ticket_claims(names.categories)
        claims += digest_claims(names.weeks)
        claims += classifier_claims()
    claims += drift_claims(names.detector_kinds, names.metrics)
    claims += stake_claims(names.stakes)
    claims += check_claims(names.checks, names.metrics)
    claims += incident_claims(names.incidents)
    claims += debt_claims(names.debts)
    claims += judged_claims(names.judged)
    claims += delivery_claims(names.shipped, frozenset(names.judged))
    claims += pattern_claims(names.patterns)
    claims += [
        restatement_claim(m, names.metrics[m][0]) for m in names.restated if m in names.metrics
    ]
    claims += [wording_claim(name, wording) for name, wording in names.wordings.items()]
    if names.has_bad_debt:
        claims += bad_debt_claims(names.metrics)
    claims += [combination_claim(said, names.metrics) for said in names.combinations]
    if names.graph_cells:
        claims += graph_claims(names.graph_cells)
    if names.has_blast_radius:
        claims.append(blast_claim())
    claims += authored_claims(names.authored)
    _refuse_duplicates(claims)
    return claims


def _refuse_duplicates(claims: Iterable[Claim]) -> None:
    seen: set[str] = set()
    for claim in claims:
        if claim.claim_id in seen:
            raise ValueError(f"claim {claim.claim_id!r} is declared twice")
        seen.add(claim.claim_id)


def _metric(metric_id: str, owner: str, unit: str) -> Iterator[Claim]:
    """What a metric says, where it went, how old that is, and its levels."""
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("value", "Value on the last complete day", "value", unit, "number"),
        ("first_mean", "Mean of the first seven days", "first_mean_7d", unit, "number"),
        ("trend_mean", "Mean of the last seven days", "trend_mean_7d", unit, "number"),
        ("change", "Change since the first week", "change_ratio * 100", "percent", "percent"),
    )
    for name, sentence, column, said_unit, kind in columns:
        yield Claim(
            claim_id=f"metric.{metric_id}.{name}",
            sentence=f"{sentence} of {metric_id}",
            sql=_metric_sql(metric_id, column),
            unit=said_unit,
            format=kind,
            owner=owner,
            metric_id=metric_id,
        )
    yield from _metric_ages(metric_id, owner, unit)
    yield _metric_series(metric_id, owner, unit)


def _metric_series(metric_id: str, owner: str, unit: str) -> Claim:
    return Claim(
        claim_id=f"metric.{metric_id}.series",
        sentence=f"Daily values of {metric_id}",
        sql=(
            "select string_agg(cast(observation_date as string) || '=' || cast(value as string),"
            " ',' order by observation_date)\n"
            f"from reporting.rpt_metric_series\nwhere metric_id = {quoted(metric_id)}"
        ),
        unit=f"{unit}, by UTC day",
        format="series",
        owner=owner,
        metric_id=metric_id,
    )


def _metric_ages(metric_id: str, owner: str, unit: str) -> Iterator[Claim]:
    """What holds however old the evidence is: its age and days (ledger), and agreed levels."""
    columns: tuple[tuple[str, str, str, str, Format], ...] = (
        ("as_of", "Completeness horizon of the oldest stream", "as_of", "UTC time", "moment"),
        ("age", "Age of the evidence", "age_hours", "hours", "hours"),
        ("stale_by", "How stale the evidence is", "stale_by_hours", "hours", "age"),
        ("value_date", "Day of the value", "value_date", "UTC day", "date"),
        ("first_date", "First day measured", "first_date", "UTC day", "date"),
        ("warning", "Warning level", "warning", unit, "number"),
        ("critical", "Critical level", "critical", unit, "number"),
        ("target", "Target", "target", unit, "number"),
        ("agreed_on", "Day on which the levels were agreed", "threshold_date", "UTC day", "date"),
        ("window", "Freshness window", "freshness_window_hours", "hours", "hours"),
    )
    for name, sentence, column, said_unit, kind in columns:
        yield Claim(
            claim_id=f"metric.{metric_id}.{name}",
            sentence=f"{sentence} of {metric_id}",
            sql=_metric_sql(metric_id, column),
            unit=said_unit,
            format=kind,
            owner=owner,
            is_agreed=name in _AGREED,
        )


def _metric_sql(metric_id: str, column: str) -> str:
    where = f"where metric_id = {quoted(metric_id)}"
    return f"select {column}\nfrom reporting.rpt_metric_status\n{where}"


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
        _count("level.ok", "Metrics within their levels", status, "level = 'ok'", "metrics"),
        _count(
            "level.none",
            "Metrics without a level or a value",
            status,
            "coalesce(level, '') not in ('critical', 'warning', 'ok')",
            "metrics",
        ),
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
            "site.read_at", "Last read of any source", latest, "UTC time", "moment", PLATFORM_OWNER
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
