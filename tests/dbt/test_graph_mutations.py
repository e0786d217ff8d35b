"""Mutations of the demo's warehouse: every dependent claim changes, and no other does.

Who depends is decided by brute force (`tests.graph_reference`) or read from the inputs, never
from the models under test. Each test prints what changed and what was expected to.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dashboards.verification import verify
from orchestration.knowledge import definitions
from orchestration.knowledge.compile import CompiledGraph, compile_graph
from orchestration.settings import Settings
from orchestration.simulation.graph import delivered, write_graph
from orchestration.warehouse import open_warehouse
from tests.conftest import DemoHome
from tests.dbt.graph_models import build
from tests.graph_reference import Graph

NOW = "2026-03-24"
STATUS_MODELS = (
    "fct_graph_edges",
    "fct_hypotheses",
    "fct_graph_nodes",
    "fct_graph_dependencies",
    "fct_certifications",
)
State = dict[str, tuple[Any, ...]]


class Copy:
    """A copy of the demo's warehouse on which the graph's models can be built again."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.path = folder / "warehouse.duckdb"
        self.graph = folder / "graph"
        shutil.copyfile(home / "warehouse.duckdb", self.path)
        self.connection = duckdb.connect(str(self.path))
        self._compiled = home / "dbt" / "target" / "compiled" / "paygo"
        write_graph(self.graph, 1, "published")

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, list(values)).fetchall()

    def build(self, *first: str) -> None:
        build(self.connection, self._compiled, (*first, *STATUS_MODELS))

    def land(self, graph: CompiledGraph) -> None:
        """Put a graph in place of the landed one."""
        for name, data in (("nodes", graph.nodes), ("edges", graph.edges)):
            table = f"raw.knowledge__{name}"
            (stamp,) = self.rows(
                f"select _as_of, _load_id from {table} order by _as_of desc limit 1"
            )
            columns = ", ".join(data.column_names)
            self.rows(f"delete from {table}")
            self.connection.register("incoming", data)
            self.rows(
                f"insert into {table} ({columns}, _as_of, _load_id, _row_hash, _is_deleted)"
                f" select {columns}, ?, ?, 0, false from incoming",
                *stamp,
            )
            self.connection.unregister("incoming")

    def land_certified(self) -> CompiledGraph:
        """Land the graph with every claim certified as it is defined now."""
        graph = compile_graph(self.graph)
        self.land(CompiledGraph(certified(graph.nodes, graph.nodes), graph.edges))
        return graph

    def statuses(self) -> dict[str, str]:
        return dict(self.rows("select node_id, status from marts.fct_graph_nodes"))  # type: ignore[arg-type]

    def certificates(self) -> State:
        rows = self.rows("select node_id, certification, reason from marts.fct_certifications")
        return {node: rest for node, *rest in rows}  # type: ignore[misc]

    def reference(self) -> Graph:
        """The landed graph for brute force, with the state of each metric."""
        states: dict[str, str] = dict(
            self.rows(
                "select metric_id, freshness from metrics.fct_metric_status"
                " where evidence = 'measured'"
            )  # type: ignore[arg-type]
        )
        nodes = self.rows(
            "select node_id, kind, metric_id, code_reference from staging.stg_knowledge__nodes"
        )
        return Graph(
            {node: kind for node, kind, _, _ in nodes},
            {
                (s, r, e)
                for s, r, e in self.rows(
                    "select from_node_id, relation, to_node_id from staging.stg_knowledge__edges"
                )
            },
            {node: states[metric] for node, _, metric, _ in nodes if metric in states},
            {node for node, _, _, code in nodes if code},
        )


def certified(nodes: pa.Table, as_of: pa.Table) -> pa.Table:
    """Certify every claim of `nodes` with the hash that it has in `as_of`."""
    hashes = dict(
        zip(as_of["node_id"].to_pylist(), as_of["evidence_hash"].to_pylist(), strict=True)
    )
    rows = nodes.to_pylist()
    for row in rows:
        if row["kind"] == "claim":
            row |= {"certified_by": "test", "certified_on": NOW}
            row["certified_definition"] = hashes[row["node_id"]]
    return pa.Table.from_pylist(rows, schema=nodes.schema)


@pytest.fixture(scope="module")
def original(demo_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("graph")
    copy = Copy(demo_home.home, folder)
    copy.rows("update marts.fct_discrepancies set state = 'resolved'")
    copy.land_certified()
    copy.build()
    yield copy
    copy.connection.close()


@pytest.fixture
def copy(original: Copy) -> Iterator[Copy]:
    """The same copy for every test: what a test does is rolled back."""
    original.rows("begin transaction")
    yield original
    original.rows("rollback")


def changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {node for node in before.keys() | after.keys() if before.get(node) != after.get(node)}


def report(name: str, expected: set[str], found: set[str], known: int) -> None:
    print(
        f"mutation {name}: {len(expected & found)} of {len(expected)} dependents changed, "
        f"{len(found - expected)} of {known - len(expected)} others"
    )
    assert found == expected


def inputs_of(graph: Graph, claim: str) -> set[str]:
    """Metrics at the beginning of any chain to the claim."""
    return {chain[0] for chain in graph.chains(claim)}


def streams_of(copy: Copy) -> dict[str, set[str]]:
    rows = copy.rows("select metric_id, streams from seeds.metric_catalogue")
    return {f"metric.{metric}": set(streams.split(";")) for metric, streams in rows}


def delay(copy: Copy, stream: str) -> None:
    before, seals, graph = copy.statuses(), copy.certificates(), copy.reference()
    copy.rows(
        "delete from ops.load_ledger where stream = ? and as_of > timestamp '2026-03-22 00:00:00'",
        stream,
    )
    copy.build("int_time__stream_horizons", "int_metrics__stream_deadlines", "fct_metric_status")
    late = {metric for metric, streams in streams_of(copy).items() if stream in streams}
    metrics = {m: "stale" if m in late else state for m, state in graph.metrics.items()}
    then = Graph(graph.kinds, graph.edges, metrics, graph.coded)
    # A verdict on a hypothesis is not a matter of chains; none is judged in this world.
    expected = {n for n in graph.kinds if graph.status(n) != then.status(n)}
    assert expected
    report(f"delay {stream}", expected, changes(before, copy.statuses()), len(graph.kinds))
    touched = {
        c
        for c in seals
        if {m for m in inputs_of(graph, c) if graph.metrics[m] != metrics[m]}
        and (seals[c][1] or "stale").startswith("stale")  # else it had ended by another cause
    }
    report(
        f"certificates, delay {stream}", touched, changes(seals, copy.certificates()), len(seals)
    )


def test_a_late_source_turns_what_rests_on_it_stale(copy: Copy) -> None:
    delay(copy, "engine.subs_mutations")


@pytest.mark.full
@pytest.mark.parametrize(
    "stream", ["jira.issues", "core.zones", "engine.subs_account", "engine.webhook_deliveries"]
)
def test_any_late_source_does(copy: Copy, stream: str) -> None:
    delay(copy, stream)


def oppose(copy: Copy, claim: str) -> None:
    before, graph = copy.statuses(), copy.reference()
    for sql, row in (
        (
            "insert into raw.knowledge__nodes (node_id, kind, domain, title, statement, file, line,"
            " definition_hash, _as_of, _load_id, _row_hash, _is_deleted)"
            " select 'claim.opposed', 'claim', 'fraud', 'Not so', 'Not so', 'x', 1, '',"
            " max(_as_of), max(_load_id), 0, false from raw.knowledge__nodes",
            (),
        ),
        (
            "insert into raw.knowledge__edges (edge_id, from_node_id, relation, to_node_id, file,"
            " line, _as_of, _load_id, _row_hash, _is_deleted)"
            " select 'opposing', 'claim.opposed', 'contradicts', ?, 'x', 1,"
            " max(_as_of), max(_load_id), 0, false from raw.knowledge__edges",
            (claim,),
        ),
    ):
        copy.rows(sql, *row)
    copy.build()
    edges = graph.edges | {("claim.opposed", "contradicts", claim)}
    then = Graph(graph.kinds | {"claim.opposed": "claim"}, edges, graph.metrics, graph.coded)
    expected = {n for n in graph.kinds if graph.status(n) != then.status(n)} | {"claim.opposed"}
    assert claim in expected
    report(f"oppose {claim}", expected, changes(before, copy.statuses()), len(then.kinds))
    assert copy.certificates()[claim][1] == "contradicted by claim.opposed"


def test_an_opposing_claim_unseats_what_rests_on_the_opposed(copy: Copy) -> None:
    graph = copy.reference()
    carrying = {
        n: len({m for m in graph.falling_with(n) if m != n})
        for n in graph.kinds
        if n.startswith("claim.sim-") and graph.status(n) == "grounded"
    }
    heaviest = max(carrying, key=lambda n: (carrying[n], n))
    assert carrying[heaviest] >= 2
    oppose(copy, heaviest)


@pytest.mark.full
@pytest.mark.parametrize("claim", ["claim.rollbacks-fell", "claim.triple-store-disagrees"])
def test_an_authored_claim_can_be_opposed(copy: Copy, claim: str) -> None:
    oppose(copy, claim)


def test_open_drift_ends_the_certificates_of_what_reads_it(copy: Copy) -> None:
    seals, graph = copy.certificates(), copy.reference()
    compared = {"core.zones", "engine.subs_object_products_element"}
    drifting = {m for m, streams in streams_of(copy).items() if streams & compared}
    expected = {
        c
        for c, (seal, _) in seals.items()
        if seal == "certified" and inputs_of(graph, c) & drifting
    }
    assert expected
    copy.rows(
        "update marts.fct_discrepancies set state = 'new' where discrepancy_id = ("
        " select min(discrepancy_id) from marts.fct_discrepancies where detector = 'zone_plan')"
    )
    copy.build()
    after = copy.certificates()
    report("open zone-plan drift", expected, changes(seals, after), len(seals))
    assert {after[c][1] for c in expected} == {"drift open: zone_plan"}


@pytest.mark.parametrize("metric", ["checkout_rollbacks_per_day"])
def test_an_edited_definition_ends_the_certificates_of_what_rests_on_it(
    copy: Copy, metric: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The metric's SQL is edited: a definition behind the claims, not one of the graph's files."""
    before = compile_graph(copy.graph).nodes
    seals, graph = copy.certificates(), copy.reference()
    meant = {**definitions.metric_definitions(), metric: "edited"}
    monkeypatch.setattr("orchestration.knowledge.compile.metric_definitions", lambda: meant)
    other = tmp_path / "graph"
    shutil.copytree(copy.graph, other)
    after = compile_graph(other)
    copy.land(CompiledGraph(certified(after.nodes, before), after.edges))
    copy.build()
    found = copy.certificates()
    expected = {c for c in seals if f"metric.{metric}" in inputs_of(graph, c)}
    # Claims that derive from a node behind the metric rest on its words too.
    report(f"edit {metric}", expected, changes(seals, found), len(seals))
    assert {found[c][1] for c in expected} == {"definition changed"}


def test_a_delivery_is_judged_for_its_predictions_only(copy: Copy) -> None:
    sql = "select node_id, status, reason from marts.fct_hypotheses"
    before = {node: rest for node, *rest in copy.rows(sql)}
    path = copy.graph / "billing-lifecycle.yml"
    text = path.read_text()
    path.write_text(delivered(text))
    copy.land(compile_graph(copy.graph))
    path.write_text(text)
    copy.build()
    after = {node: rest for node, *rest in copy.rows(sql)}
    edges = copy.reference().edges
    contained = {e for s, r, e in edges if (s, r) == ("workstream.smart-checkout", "contains")}
    report("deliver Smart Checkout", contained, changes(before, after), len(before))


def test_a_broken_query_breaks_the_claims_that_use_it(demo_home: DemoHome, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(demo_home.home / "warehouse.duckdb", home / "warehouse.duckdb")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        queries: dict[str, str] = dict(
            connection.execute("select claim_id, query from ops.claims").fetchall()  # type: ignore[arg-type]
        )
        connection.execute("alter view reporting.rpt_triple_store rename to rpt_gone").fetchall()
    with open_warehouse(Settings(home=home, _env_file=None), "read") as warehouse:
        found = verify(warehouse)
    expected = {claim for claim, sql in queries.items() if "rpt_triple_store" in sql}
    assert len(expected) > 5 and not found.differs
    report("break a query", expected, {b["claim_id"] for b in found.broken}, len(queries))
