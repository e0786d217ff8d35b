"""What `paygo graph` asks the published warehouse. Statuses are computed by dbt, not here."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from orchestration.errors import PermanentFailure

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

NODES = "reporting.rpt_graph_status"
EDGES = "reporting.rpt_graph_edges"


def graph_document(warehouse: Warehouse) -> dict[str, Any]:
    """Return counts, hypotheses, certificates, contradictions and the debt ranking."""

    def counted(columns: str) -> list[dict[str, Any]]:
        return warehouse.rows(
            f"select {columns}, count(*) as nodes from {NODES}\n"
            f"group by {columns} order by nodes desc, {columns}"
        )

    def one(sql: str) -> Any:
        return next(iter(warehouse.rows(sql)[0].values()))

    return {
        "nodes": one(f"select count(*) from {NODES}"),
        "edges": one(f"select count(*) from {EDGES}"),
        "domains": one(f"select count(distinct domain) from {NODES}"),
        "simulated_nodes": one(f"select count(*) from {NODES} where is_simulated"),
        "by_kind": counted("kind"),
        "by_domain": counted("domain"),
        "by_status": counted("status"),
        "by_kind_and_status": counted("kind, status"),
        "by_certification": counted("certification"),
        "untested_hypotheses": warehouse.rows(UNTESTED_SQL),
        "hypotheses": warehouse.rows(HYPOTHESES_SQL),
        "contradictions": warehouse.rows(CONTRADICTIONS_SQL),
        "single_points": warehouse.rows(SINGLE_POINTS_SQL),
        "orphan_claims": warehouse.rows(
            f"select node_id, title, is_simulated from {NODES} where is_orphan order by node_id"
        ),
        "debt": debt(warehouse),
    }


def debt(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return the claims without backing, the heaviest first."""
    return warehouse.rows(DEBT_SQL)


def node_document(warehouse: Warehouse, node_id: str) -> dict[str, Any]:
    """Return one node: what it says, status with proof, both sides of its edges, what rests on it.

    Errors: PermanentFailure for an unknown id, with the closest known ones.
    """
    found = warehouse.rows(f"select * from {NODES} where node_id = ?", (node_id,))
    if not found:
        known = [str(r["node_id"]) for r in warehouse.rows(f"select node_id from {NODES}")]
        close = difflib.get_close_matches(node_id, known, n=3)
        raise PermanentFailure(
            f"the graph has no node {node_id!r}.",
            todo=f"try {', '.join(close)}." if close else "`paygo graph` shows what there is.",
        )
    radius = warehouse.rows(
        "select nodes, metrics, claims, hypotheses, nodes_that_fall, claims_that_fall\n"
        "from reporting.rpt_graph_blast_radius where node_id = ?",
        (node_id,),
    )
    verdict = warehouse.rows("select * from reporting.rpt_hypotheses where node_id = ?", (node_id,))
    return {
        "node": found[0],
        "incoming": warehouse.rows(INCOMING_SQL, (node_id,)),
        "outgoing": warehouse.rows(OUTGOING_SQL, (node_id,)),
        "blast_radius": radius[0] if radius else None,
        "rests_on": warehouse.rows(RESTS_ON_SQL, (node_id,)),
        "prediction": verdict[0] if verdict else None,
    }


UNTESTED_SQL = """
select node_id, title, age_days, is_simulated
from reporting.rpt_hypotheses
where status = 'untested'
order by age_days desc nulls last, node_id
"""

HYPOTHESES_SQL = """
select node_id, status, metric_id, dimension, direction, reason, workstream, shipped_on, age_days
from reporting.rpt_hypotheses
where status <> 'untested'
order by status desc, is_simulated, node_id
"""

CONTRADICTIONS_SQL = """
select node_id, status, opposing_node_id, opposing_status, is_live
from reporting.rpt_graph_contradictions
order by is_simulated, node_id, opposing_node_id
"""

SINGLE_POINTS_SQL = """
select node_id, kind, status, claims_that_fall, nodes_that_fall, nodes
from reporting.rpt_graph_blast_radius
where is_single_point
order by claims_that_fall desc, nodes desc, node_id
"""

DEBT_SQL = """
select debt_rank as rank, node_id, title, status, weight, is_orphan, is_simulated
from reporting.rpt_graph_debt
order by debt_rank
"""

INCOMING_SQL = f"""
select from_node_id as node_id, from_status as status, relation, is_live
from {EDGES}
where to_node_id = ?
order by relation, node_id
"""

OUTGOING_SQL = f"""
select relation, to_node_id as node_id, to_status as status, is_live
from {EDGES}
where from_node_id = ?
order by relation, node_id
"""

RESTS_ON_SQL = """
select
    dependencies.origin_node_id as node_id, nodes.kind, nodes.status, dependencies.steps,
    dependencies.is_single_point
from marts.fct_graph_dependencies as dependencies
inner join reporting.rpt_graph_status as nodes
    on nodes.node_id = dependencies.origin_node_id
where dependencies.node_id = ?
order by dependencies.steps, node_id
"""
