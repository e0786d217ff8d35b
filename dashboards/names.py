"""Finds the names that the pages are made of: metrics, categories, detectors, kinds, sources.

Only names are read here, never figures: those are claims. A text that holds a digit which
belongs to no name is declared as a claim too (a wording).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dashboards.claim import Dimensions, Wording, quoted
from dashboards.claim_families import DETECTOR_METRIC
from dashboards.evidence import EvidenceBook, split_streams
from dashboards.guard import is_bare
from dashboards.snapshot import Snapshot
from orchestration.owners import PLATFORM_OWNER, SUPPORT_OWNER

UNCLASSIFIED = "unclassified"
FACTS = {
    "accounts": "accounts",
    "events_per_day": "Stripe events a day",
    "handlers_seen": "handlers seen",
    "product_services": "product services",
}
"""Platform facts below the headline cards, and what each is called there."""

_FACT_STREAMS = {
    "accounts": ("engine.subs_account",),
    "events_per_day": ("engine.webhook_deliveries",),
    "handlers_seen": ("engine.webhook_deliveries",),
    "product_services": (),
    "ope": ("engine.subs_object_products_element",),
    "opes": ("engine.subs_object_products_element",),
    "line": ("engine.subs_object_products_element", "stripe.subscription_items"),
}
"""What a platform fact rests on, by its id or the first word of it."""

_SHOWN_NODES = ("hypothesis", "workstream")
"""Kinds of which every node is shown; of others only what is authored, or owes most."""


def read_names(snapshot: Snapshot, book: EvidenceBook) -> Dimensions:
    """Read the names from the reporting models that exist; an absent model has no names."""

    def column(model: str, sql: str) -> list[tuple[str, ...]]:
        if not snapshot.has(model):
            return []
        return [tuple(str(value) for value in row.values()) for row in snapshot.rows(sql)]

    def firsts(model: str, sql: str) -> tuple[str, ...]:
        return tuple(row[0] for row in column(model, sql))

    debts = firsts(
        "rpt_graph_debt",
        "select node_id from reporting.rpt_graph_debt order by debt_rank, node_id limit 40",
    )
    return Dimensions(
        metrics={
            metric_id: (str(row["owner"]), str(row["unit"]))
            for metric_id, row in sorted(book.metrics.items())
        },
        categories=_unclassified_last(
            firsts(
                "rpt_ticket_categories",
                "select category from reporting.rpt_ticket_categories "
                "order by tickets desc, category",
            )
        ),
        weeks=firsts(
            "rpt_tickets_weekly",
            "select distinct iso_week from reporting.rpt_tickets_weekly order by 1",
        ),
        detector_kinds=_detector_kinds(
            column(
                "rpt_drift_daily",
                "select distinct detector, kind from reporting.rpt_drift_daily order by 1, 2",
            )
        ),
        stakes=_detector_kinds(
            column(
                "rpt_drift_days",
                "select distinct detector, currency from reporting.rpt_drift_days "
                "where currency is not null order by 1, 2",
            )
        ),
        combinations=firsts(
            "rpt_triple_store",
            "select distinct combination from reporting.rpt_triple_store order by 1",
        ),
        graph_cells=_pairs(
            column(
                "rpt_graph_honesty",
                "select distinct kind, status from reporting.rpt_graph_honesty order by 1, 2",
            )
        ),
        sources=_troubled(book),
        streams=_streams_of_metrics(book),
        facts=_facts(
            column("rpt_platform_facts", "select fact_id, unit from reporting.rpt_platform_facts")
        ),
        glossary={
            row[0]: (row[1], split_streams(row[2]))
            for row in column(
                "rpt_glossary_facts",
                "select fact_id, unit, streams from reporting.rpt_glossary_facts order by 1",
            )
        },
        checks=_pairs(
            column(
                "rpt_checks",
                "select check_id, subject from reporting.rpt_checks "
                "where subject_kind = 'metric' order by 2, 1",
            )
        ),
        incidents=firsts(
            "rpt_incidents",
            "select incident_id from reporting.rpt_incidents "
            "where resolved_at is null order by opened_at desc, incident_id",
        ),
        debts=debts,
        judged=firsts(
            "rpt_hypotheses",
            "select node_id from reporting.rpt_hypotheses "
            "where status in ('supported', 'refuted') order by node_id",
        ),
        shipped=firsts(
            "rpt_hypothesis_series",
            "select distinct node_id from reporting.rpt_hypothesis_series order by 1",
        ),
        restated=firsts(
            "rpt_metric_restatements",
            "select distinct metric_id from reporting.rpt_metric_restatements "
            "where dimension = 'all' order by 1",
        ),
        patterns=firsts(
            "rpt_patterns",
            "select pattern_id from reporting.rpt_patterns order by display_order, 1",
        ),
        wordings=dict(_wordings(snapshot, book, debts)),
        authored=_authored(snapshot),
        has_blast_radius=bool(
            firsts(
                "rpt_graph_blast_radius",
                "select node_id from reporting.rpt_graph_blast_radius "
                "where kind = 'datasource' and not is_simulated limit 1",
            )
        ),
        has_bad_debt=bool(
            firsts("rpt_bad_debt", "select observation_date from reporting.rpt_bad_debt limit 1")
        ),
    )


def _authored(snapshot: Snapshot) -> tuple[tuple[str, str, str, str, str], ...]:
    nodes = {row["node_id"]: row for row in snapshot.table("rpt_graph_status", "node_id")}
    return tuple(
        (
            str(node_id),
            str(row["statement"]),
            str(row["query"]),
            str(row["unit"]),
            str(nodes.get(row["root_node_id"], {}).get("metric_id") or ""),
        )
        for node_id, row in nodes.items()
        if row["kind"] == "claim" and row.get("query")
    )


def _wordings(
    snapshot: Snapshot, book: EvidenceBook, debts: Sequence[str]
) -> Iterator[tuple[str, Wording]]:
    """Texts of the models in which a digit stands that belongs to no name."""
    for metric_id, row in sorted(book.metrics.items()):
        columns = ("title", "definition", "unit", "threshold_reason")
        yield from _of_row(
            "metric",
            "rpt_metric_status",
            f"metric_id = {quoted(metric_id)}",
            {f"metric.{metric_id}.{column}": row.get(column) for column in columns},
            str(row["owner"]),
        )
    for row in snapshot.table("rpt_ticket_categories", "category"):
        yield from _of_row(
            "category",
            "rpt_ticket_categories",
            f"category = {quoted(row['category'])}",
            {f"tickets.{row['category']}.title": row["title"]},
            SUPPORT_OWNER,
        )
    for row in snapshot.table("rpt_patterns", "pattern_id"):
        yield from _of_row(
            "pattern",
            "rpt_patterns",
            f"pattern_id = {quoted(row['pattern_id'])}",
            {f"pattern.{row['pattern_id']}.{c}": row[c] for c in ("title", "description")},
            SUPPORT_OWNER,
        )
    for row in snapshot.table("rpt_graph_status", "node_id"):
        if row["kind"] in _SHOWN_NODES or not row["is_simulated"] or row["node_id"] in debts:
            yield from _of_row(
                "node",
                "rpt_graph_status",
                f"node_id = {quoted(row['node_id'])}",
                {f"node.{row['node_id']}.{c}": row[c] for c in ("title", "statement")},
                PLATFORM_OWNER,
            )


def _of_row(
    what: str, model: str, where: str, texts: Mapping[str, Any], owner: str
) -> Iterator[tuple[str, Wording]]:
    for claim_id, text in texts.items():
        if text and is_bare(str(text)):
            name = claim_id.rpartition(".")[2]
            sql = f"select {name}\nfrom reporting.{model}\nwhere {where}"
            sentence = f"The {name.replace('_', ' ')} as written, {claim_id.rpartition('.')[0]}"
            yield claim_id, Wording(sentence, sql, owner, is_agreed=what == "metric")


def _facts(rows: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        fact: (unit, _FACT_STREAMS.get(fact) or _FACT_STREAMS.get(fact.partition("_")[0], ()))
        for fact, unit in sorted(rows)
    }


def _streams_of_metrics(book: EvidenceBook) -> tuple[str, ...]:
    streams = (split_streams(row["streams"]) for row in book.metrics.values())
    known = {stream for group in streams for stream in group}
    return tuple(sorted(known & set(book.streams)))


def _troubled(book: EvidenceBook) -> tuple[str, ...]:
    """Sources that the first screen names with figures: read once, and failed or old now."""
    return tuple(
        sorted(
            {
                str(row["source"])
                for stream, row in book.streams.items()
                if row["as_of"] is not None
                and (row["last_status"] == "failed" or book.source(stream).is_stale)
            }
        )
    )


def _unclassified_last(categories: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(categories, key=lambda category: category == UNCLASSIFIED))


def _pairs(found: Iterable[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    return tuple((row[0], row[1]) for row in found)


def _detector_kinds(found: list[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """The two detectors only: the triple store and double charges have metrics of their own."""
    return _pairs(row for row in found if row[0] in DETECTOR_METRIC)
