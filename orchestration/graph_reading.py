"""What `paygo graph` asks the published warehouse. Statuses are computed by dbt, not here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

NODES = "reporting.rpt_graph_status"


def graph_document(warehouse: Warehouse) -> dict[str, Any]:
    """Return counts by kind, domain and status, untested hypotheses and the debt ranking."""
    count = "select {0}, count(*) as nodes from " + NODES + " group by {0} order by nodes desc, {0}"
    return {
        "nodes": warehouse.rows(f"select count(*) as nodes from {NODES}")[0]["nodes"],
        "edges": warehouse.rows("select count(*) as edges from staging.stg_knowledge__edges")[0][
            "edges"
        ],
        "by_kind": warehouse.rows(count.format("kind")),
        "by_domain": warehouse.rows(count.format("domain")),
        "by_status": warehouse.rows(count.format("status")),
        "untested_hypotheses": warehouse.rows(
            f"select node_id, title from {NODES} "
            "where kind = 'hypothesis' and status = 'untested' order by node_id"
        ),
        "debt": warehouse.rows(DEBT_SQL),
    }


# What stands on a claim without backing makes it weigh more.
DEBT_SQL = """
select
    nodes.node_id, nodes.title, nodes.status, 1 + count(edges.edge_id) as weight,
from reporting.rpt_graph_status as nodes
left join staging.stg_knowledge__edges as edges on edges.from_node_id = nodes.node_id
where nodes.kind = 'claim' and nodes.status in ('asserted', 'contradicted')
group by nodes.node_id, nodes.title, nodes.status
order by weight desc, nodes.node_id
"""
