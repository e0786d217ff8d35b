"""The graph that ships: clean, covering what it should, filled to the published counts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
import yaml

from orchestration.knowledge.compile import GRAPH_FOLDER, compile_graph, lint
from orchestration.knowledge.schema import SCHEMA_FILE, schema, schema_text
from orchestration.knowledge.vocabulary import DOMAINS, KINDS, RELATIONS
from orchestration.simulation.graph import write_graph
from orchestration.sources.contract import CONTRACT

CATALOGUE = Path(__file__).parents[3] / "dbt_project" / "seeds" / "metric_catalogue.csv"


def test_authored_graph_is_clean_and_covers_every_domain() -> None:
    assert lint() == []
    graph = compile_graph()
    assert graph.nodes.num_rows >= 110
    assert set(graph.nodes["domain"].to_pylist()) == DOMAINS
    assert set(graph.nodes["kind"].to_pylist()) <= KINDS
    assert set(graph.edges["relation"].to_pylist()) <= set(RELATIONS)


def test_authored_metrics_and_their_sources_are_those_of_the_catalogue() -> None:
    with CATALOGUE.open(encoding="utf-8", newline="") as lines:
        catalogue = {row["metric_id"]: row["streams"].split(";") for row in csv.DictReader(lines)}
    graph = compile_graph()
    metrics = {n["node_id"]: n["metric_id"] for n in graph.nodes.to_pylist() if n["metric_id"]}
    assert sorted(metrics.values()) == sorted(catalogue)
    read: dict[str, set[str]] = {metric: set() for metric in catalogue}
    for edge in graph.edges.to_pylist():
        if edge["relation"] == "derives_from" and edge["from_node_id"] in metrics:
            stream = edge["to_node_id"].removeprefix("datasource.")
            read[metrics[edge["from_node_id"]]].add(stream)
    assert read == {metric: set(streams) for metric, streams in catalogue.items()}


def test_authored_datasources_are_streams_of_the_contract() -> None:
    nodes = compile_graph().nodes.to_pylist()
    named = {n["node_id"].removeprefix("datasource.") for n in nodes if n["kind"] == "datasource"}
    assert named <= {raw.stream for raw in CONTRACT}


def test_some_hypotheses_predict_and_some_are_untested() -> None:
    graph = compile_graph()
    hypotheses = {n["node_id"] for n in graph.nodes.to_pylist() if n["kind"] == "hypothesis"}
    predicting = {e["from_node_id"] for e in graph.edges.to_pylist() if e["relation"] == "predicts"}
    assert predicting < hypotheses


def test_the_published_schema_is_that_of_the_vocabulary_and_accepts_the_graph(
    tmp_path: Path,
) -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    validator = jsonschema.Draft202012Validator(schema())
    write_graph(tmp_path, 1, "shipped")
    for path in (*GRAPH_FOLDER.glob("*.yml"), tmp_path / "fraud.simulated.yml"):
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_DaysAreText)
        assert list(validator.iter_errors(document)) == [], path.name
    node = {"id": "claim.x", "kind": "claim", "title": "X", "statement": "X holds."}
    assert validator.is_valid({"domain": "fraud", "nodes": [node | {"grounds": ["claim.y"]}]})
    for mistake in ({"kind": "clam"}, {"ground": ["claim.y"]}):
        assert not validator.is_valid({"domain": "fraud", "nodes": [node | mistake]})


class _DaysAreText(yaml.SafeLoader):
    yaml_implicit_resolvers: ClassVar = {
        first: [rule for rule in rules if "timestamp" not in rule[0]]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@pytest.mark.parametrize("seed", [1, 7])
def test_the_fill_brings_the_authored_graph_to_the_published_counts(
    tmp_path: Path, seed: int
) -> None:
    graph = compile_graph(write_graph(tmp_path, seed, "published"))
    nodes, edges = graph.nodes.to_pylist(), graph.edges.to_pylist()
    assert (len(nodes), len(edges)) == (2_008, 2_803)
    assert {n["domain"] for n in nodes} == DOMAINS
    predicting = {e["from_node_id"] for e in edges if e["relation"] == "predicts"}
    hypotheses = {n["node_id"] for n in nodes if n["kind"] == "hypothesis"}
    assert len(hypotheses - predicting) == 147
    authored = compile_graph().nodes.to_pylist()
    assert [n["node_id"] for n in nodes if not n["is_simulated"]] == [
        n["node_id"] for n in authored
    ]
    assert len(authored) >= 150 and not any(n["is_simulated"] for n in authored)
    assert not any(c.isdigit() for n in nodes if n["is_simulated"] for c in n["title"])


def test_only_the_delivered_world_says_when_workstreams_shipped(tmp_path: Path) -> None:
    for scenario, expected in (("published", {None}), ("shipped", {"2026-03-09"})):
        nodes = compile_graph(write_graph(tmp_path / scenario, 1, scenario)).nodes.to_pylist()
        assert {n["shipped_on"] for n in nodes if n["kind"] == "workstream"} == expected


def test_every_authored_number_has_its_query() -> None:
    for node in compile_graph().nodes.to_pylist():
        if node["kind"] == "claim" and node["unit"]:
            assert node["query"] or node["claim_query"], node["node_id"]
