"""Finds the names that the page is made of: metrics, categories, detectors, kinds, sources.

Only names are read here, never figures: those are claims.
"""

from __future__ import annotations

from dashboards.claim import Dimensions
from dashboards.claim_families import DETECTORS
from dashboards.evidence import EvidenceBook, reporting_tables
from orchestration.warehouse.base import Warehouse

UNCLASSIFIED = "unclassified"
FACTS = {
    "accounts": "accounts",
    "events_per_day": "Stripe events a day",
    "handlers_seen": "handlers seen",
    "product_services": "product services",
}
"""Platform facts below the headline cards, and what each is called there."""


def read_names(warehouse: Warehouse, book: EvidenceBook) -> Dimensions:
    """Read the names from the reporting models that exist; an absent model has no names."""
    tables = reporting_tables(warehouse)

    def pairs(table: str, sql: str) -> list[tuple[str, ...]]:
        if table not in tables:
            return []
        return [tuple(str(value) for value in row.values()) for row in warehouse.rows(sql)]

    categories = pairs(
        "rpt_ticket_categories",
        "select category from reporting.rpt_ticket_categories order by tickets desc, category",
    )
    return Dimensions(
        metrics={
            metric_id: (str(row["owner"]), str(row["unit"]))
            for metric_id, row in sorted(book.metrics.items())
        },
        categories=_unclassified_last([row[0] for row in categories]),
        detector_kinds=_detector_kinds(
            pairs(
                "rpt_drift_daily",
                "select distinct detector, kind from reporting.rpt_drift_daily order by 1, 2",
            )
        ),
        combinations=tuple(
            row[0]
            for row in pairs(
                "rpt_triple_store",
                "select distinct combination from reporting.rpt_triple_store order by 1",
            )
        ),
        graph_cells=tuple(
            (row[0], row[1])
            for row in pairs(
                "rpt_graph_honesty",
                "select distinct kind, status from reporting.rpt_graph_honesty order by 1, 2",
            )
        ),
        sources=_troubled(book),
        facts={
            row[0]: row[1]
            for row in pairs(
                "rpt_platform_facts",
                "select fact_id, unit from reporting.rpt_platform_facts order by 1",
            )
            if row[0] in FACTS
        },
        authored=_authored(warehouse, tables),
        has_bad_debt=bool(
            pairs("rpt_bad_debt", "select observation_date from reporting.rpt_bad_debt limit 1")
        ),
    )


def _authored(
    warehouse: Warehouse, tables: frozenset[str]
) -> tuple[tuple[str, str, str, str, str], ...]:
    if "rpt_graph_status" not in tables:
        return ()
    rows = warehouse.rows(
        "select c.node_id, c.statement, c.query, c.unit, coalesce(m.metric_id, '') as metric_id\n"
        "from reporting.rpt_graph_status as c\n"
        "left join reporting.rpt_graph_status as m on m.node_id = c.root_node_id\n"
        "where c.kind = 'claim' and c.query is not null order by c.node_id"
    )
    columns = ("node_id", "statement", "query", "unit", "metric_id")
    return tuple(tuple(str(row[c]) for c in columns) for row in rows)  # type: ignore[misc]


def _troubled(book: EvidenceBook) -> tuple[str, ...]:
    """Sources that the banner names with figures: read once, and failed or old now."""
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


def _unclassified_last(categories: list[str]) -> tuple[str, ...]:
    return tuple(sorted(categories, key=lambda category: category == UNCLASSIFIED))


def _detector_kinds(found: list[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """The two detectors only: the triple store and double charges have metrics of their own."""
    return tuple((row[0], row[1]) for row in found if row[0] in DETECTORS)
