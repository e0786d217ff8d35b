"""The graph's models against brute force on random graphs: the same answer for every node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.knowledge.vocabulary import KINDS, RELATIONS
from tests.conftest import DemoHome
from tests.dbt.graph_models import GraphModels
from tests.graph_reference import Graph

AS_OF = datetime.fromisoformat("2026-03-24")
Edge = tuple[str, str, str]
_CHAINED = ("metric", "metric", "observation", "claim", "claim", "claim")
_LAYERED = ("grounds", "derives_from", "measures", "supports", "predicts")


@pytest.fixture(scope="module")
def compiled(demo_home: DemoHome) -> Path:
    return demo_home.home / "dbt" / "target" / "compiled" / "paygo"


@pytest.fixture(scope="module")
def models(compiled: Path) -> Iterator[GraphModels]:
    found = GraphModels(compiled)
    yield found
    found.close()


def _oppositions(edges: set[Edge]) -> st.SearchStrategy[set[Edge]]:
    """Opponents of what carries a chain: by chance alone they would hardly ever meet."""
    connected = {s for s, _, _ in edges} | {e for _, _, e in edges}
    pairs = [
        (opponent, "contradicts", carrier)
        for carrier in sorted({s for s, r, _ in edges if r == "grounds"})
        for opponent in sorted(connected - {carrier})
        if _may(opponent, "contradicts", carrier)
    ]
    if not pairs:
        return st.just(set())
    # Half of the opponents have themselves been superseded: those contradict nothing any more.
    superseded = [
        {edge, (other, "supersedes", edge[0])}
        for edge in pairs
        for other in sorted(connected - {edge[0]})
        if _may(other, "supersedes", edge[0])
    ]
    alone = [{edge} for edge in pairs]
    some = st.sampled_from(alone) | st.sampled_from(superseded or alone)
    return st.lists(some, min_size=1, max_size=2).map(lambda found: set().union(*found))


def _may(start: str, relation: str, end: str) -> bool:
    starts, ends = RELATIONS[relation]
    return start.split(".")[0] in starts and end.split(".")[0] in ends


@st.composite
def graphs(draw: st.DrawFn, most: int = 10) -> Graph:
    """Small graphs of every kind and relation; evidence flows from earlier to later nodes."""
    weights = ["claim"] * 5 + ["metric"] * 4 + ["observation", "mechanism", "hypothesis"] * 2
    drawn = draw(st.lists(st.sampled_from([*weights, *sorted(KINDS)]), min_size=2, max_size=most))
    kinds = [*_CHAINED, *drawn]
    names = [f"{kind}.n{position:02d}" for position, kind in enumerate(kinds)]
    pairs = st.tuples(
        st.integers(0, len(names) - 1),
        st.sampled_from([*sorted(RELATIONS), "grounds", "grounds", "grounds", "derives_from"]),
        st.integers(0, len(names) - 1),
    )
    edges = set()
    # Chance alone seldom makes a chain, and what a chain does is what matters.
    chain = [
        (start, "grounds", end)
        for end in range(2, len(_CHAINED))
        for start in sorted(draw(st.sets(st.integers(0, end - 1), min_size=1, max_size=2)))
    ]
    for low, relation, high in [*chain, *draw(st.lists(pairs, max_size=3 * most))]:
        start, end = (low, high)
        if relation in _LAYERED:
            start, end = min(low, high), max(low, high)
            if relation in ("derives_from", "predicts"):
                start, end = end, start
        if start != end and _may(names[start], relation, names[end]):
            edges.add((names[start], relation, names[end]))
    edges |= draw(_oppositions(edges))
    state = st.sampled_from(["fresh", "stale", "absent"])
    states = {n: draw(state) for n, kind in zip(names, kinds, strict=True) if kind == "metric"}
    coded = {n for n in names if n.startswith("mechanism.") and draw(st.booleans())}
    measured = {name: state for name, state in states.items() if state != "absent"}
    return Graph(dict(zip(names, kinds, strict=True)), edges, measured, coded)


def load(models: GraphModels, graph: Graph) -> None:
    models.clear()
    models.insert(
        "staging.stg_knowledge__nodes",
        (
            {
                "node_id": node,
                "kind": kind,
                "metric_id": node if kind == "metric" else None,
                "code_reference": "x" if node in graph.coded else None,
            }
            for node, kind in graph.kinds.items()
        ),
    )
    models.insert(
        "staging.stg_knowledge__edges",
        (
            {"edge_id": f"{s}>{r}>{e}", "from_node_id": s, "relation": r, "to_node_id": e}
            for s, r, e in graph.edges
        ),
    )
    models.insert(
        "metrics.fct_metric_status",
        (
            {"metric_id": m, "evidence": "measured", "freshness": state, "as_of": AS_OF}
            for m, state in graph.metrics.items()
        ),
    )


def same_answers(models: GraphModels, graph: Graph) -> None:
    load(models, graph)
    models.build()
    found = models.rows("select node_id, status, proof from marts.fct_graph_nodes")
    assert {n: status for n, status, _ in found} == {n: graph.status(n) for n in graph.kinds}
    for node, status, proof in found:
        if status in ("grounded", "stale") and graph.kinds[node] not in ("metric", "mechanism"):
            assert proof == " > ".join(graph.best(node) or ())
    rows = models.rows(
        "select origin_node_id, node_id, steps, is_single_point from marts.fct_graph_dependencies"
    )
    resting = {(o, n): steps for o, n, steps, _ in rows}
    assert resting == {(o, n): s for o in graph.kinds for n, s in graph.resting_on(o).items()}
    falling = {(o, n) for o, n, _, is_single in rows if is_single}
    assert falling == {(o, n) for o in graph.kinds for n in graph.falling_with(o)}
    unbacked = {
        n: 1 + len(graph.resting_on(n))
        for n, kind in graph.kinds.items()
        if kind == "claim" and graph.status(n) in ("asserted", "contradicted")
    }
    assert dict(models.rows("select node_id, weight from reporting.rpt_graph_debt")) == unbacked
    ranked = models.rows("select weight from reporting.rpt_graph_debt order by debt_rank")
    assert ranked == sorted(ranked, reverse=True)


QUICK = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUICK
@given(graph=graphs())
def test_models_and_brute_force_agree_on_every_node(models: GraphModels, graph: Graph) -> None:
    same_answers(models, graph)


@pytest.mark.full
@settings(QUICK, max_examples=1_000)
@given(graph=graphs(most=18))
def test_models_and_brute_force_agree_on_a_thousand_graphs(
    models: GraphModels, graph: Graph
) -> None:
    same_answers(models, graph)
