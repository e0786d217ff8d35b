"""Streams from files and from landed rows: the knowledge graph, the classes of tickets."""

from __future__ import annotations

import pyarrow as pa

from orchestration.errors import PaygoError
from orchestration.extraction.outcome import Extraction, StreamOutcome, failed, ok
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import RawTable, table
from orchestration.warehouse.ledger import committed_rows
from orchestration.warehouse.raw import contract_fingerprint


def extract_knowledge(run: Extraction) -> list[StreamOutcome]:
    """Compile the authored graph and land nodes and edges whole."""
    from orchestration.knowledge.compile import GRAPH_FOLDER, compile_graph

    try:
        graph = compile_graph(run.settings.graph_folder or GRAPH_FOLDER)
    except PaygoError as error:
        return [failed(t, error) for t in run.tables]
    data = {"knowledge.nodes": graph.nodes, "knowledge.edges": graph.edges}
    return [_land_whole(run, t, data[t.stream]) for t in run.tables]


def extract_tickets(run: Extraction) -> list[StreamOutcome]:
    """Classify the issues that are landed now; their classes are as fresh as the issues."""
    from orchestration.tickets.classify_stream import (
        classify_table,
        measure_table,
        pattern_table,
    )

    issues = table("jira.issues")
    live = run.warehouse.query(
        f"select * from {committed_rows(issues)} as issues "
        f"qualify row_number() over (partition by {issues.primary_key} order by _as_of desc) = 1"
    )
    names = [c.name for c in issues.landed_columns]
    keep = live.filter(pa.compute.invert(live.column("_is_deleted"))).select(names)
    made = {
        "tickets.classifications": lambda: classify_table(keep),
        "tickets.patterns": pattern_table,
        "tickets.measures": measure_table,
    }
    return [_land_whole(run, t, made[t.stream]()) for t in run.tables]


def _land_whole(run: Extraction, contract: RawTable, data: pa.Table) -> StreamOutcome:
    try:
        typed = data.select(landed_schema(contract).names)
        cursor = {"contract": contract_fingerprint(contract)}
        result = run.warehouse.land(run.request(contract, "full"), typed, cursor=cursor)
    except PaygoError as error:
        return failed(contract, error)
    return ok(contract, "full", result)
