"""The graph compiler: the authored graph is clean, and each mistake is named with its line."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import PermanentFailure
from orchestration.knowledge.compile import GraphInvalid, compile_graph, lint
from orchestration.knowledge.vocabulary import DOMAINS, KINDS, RELATIONS
from orchestration.sources.contract import CONTRACT, table

CATALOGUE = Path(__file__).parents[3] / "dbt_project" / "seeds" / "metric_catalogue.csv"

GOOD = """\
domain: dunning
nodes:
  - id: metric.flags
    kind: metric
    title: Flags
    metric: bad_debt_accounts
    grounds: [claim.flags-agree]
  - id: claim.flags-agree
    kind: claim
    title: Flags agree
    statement: All three stores agree.
"""


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name.replace('_', '-')}.yml").write_text(text, encoding="utf-8")
    return tmp_path


def _messages(folder: Path) -> list[str]:
    return [str(error) for error in lint(folder)]


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


def test_tables_have_the_columns_of_the_contract() -> None:
    graph = compile_graph()
    for stream, compiled in (("knowledge.nodes", graph.nodes), ("knowledge.edges", graph.edges)):
        contract = table(stream)
        assert compiled.column_names == [column.name for column in contract.landed_columns]
        required = [c.name for c in contract.columns if not c.nullable]
        assert {c: compiled[c].null_count for c in required} == dict.fromkeys(required, 0)
        keys = compiled[contract.primary_key].to_pylist()
        assert len(keys) == len(set(keys))


def test_compiling_keeps_the_line_and_is_repeatable(tmp_path: Path) -> None:
    folder = _folder(tmp_path, dunning=GOOD)
    graph = compile_graph(folder)
    assert graph.nodes.select(["node_id", "file", "line"]).to_pylist() == [
        {"node_id": "claim.flags-agree", "file": "dunning.yml", "line": 8},
        {"node_id": "metric.flags", "file": "dunning.yml", "line": 3},
    ]
    (edge,) = graph.edges.to_pylist()
    assert (edge["from_node_id"], edge["relation"], edge["to_node_id"], edge["line"]) == (
        "metric.flags",
        "grounds",
        "claim.flags-agree",
        7,
    )
    assert compile_graph(folder) == graph


def test_definition_hash_follows_the_definition_and_not_the_place(tmp_path: Path) -> None:
    def hashes() -> list[str]:
        return [str(h) for h in compile_graph(tmp_path).nodes["definition_hash"].to_pylist()]

    _folder(tmp_path, dunning=GOOD)
    before = hashes()
    _folder(tmp_path, dunning=GOOD.replace("nodes:", "# moved down\n\nnodes:"))
    assert hashes() == before
    _folder(tmp_path, dunning=GOOD.replace("All three", "The three"))
    assert hashes()[0] != before[0] and hashes()[1] == before[1]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("kind: claim", "kind: clam", "dunning.yml:9: unknown kind 'clam'; did you mean 'claim'?"),
        (
            "grounds: [",
            "ground: [",
            "dunning.yml:7: unknown field or relation 'ground'; did you mean 'grounds'?",
        ),
        (
            "[claim.flags-agree]",
            "[claim.flags-agre]",
            "dunning.yml:7: grounds names an unknown node 'claim.flags-agre'; "
            "did you mean 'claim.flags-agree'?",
        ),
        (
            "id: claim.flags-agree",
            "id: metric.flags",
            "dunning.yml:8: id 'metric.flags' is already used in dunning.yml:3",
        ),
        (
            "All three stores agree.",
            "529 accounts disagree.",
            "dunning.yml:11: claim.flags-agree says 529 without a `unit`",
        ),
        ("    title: Flags agree\n", "", "dunning.yml:8: node claim.flags-agree has no title"),
        (
            "    statement: All three stores agree.\n",
            "",
            "dunning.yml:9: claim.flags-agree is a claim and needs a `statement`",
        ),
        (
            "    metric: bad_debt_accounts\n",
            "",
            "dunning.yml:4: metric.flags must name the `metric` that it stands for",
        ),
        (
            "grounds: [claim",
            "predicts: [claim",
            "dunning.yml:7: a metric cannot be the subject of 'predicts' (hypothesis can)",
        ),
        (
            "id: claim.flags-agree",
            "id: Flags",
            "dunning.yml:8: id 'Flags' must look like kind.name",
        ),
        (
            "id: claim.flags-agree",
            "id: risk.flags-agree",
            "dunning.yml:8: id 'risk.flags-agree' must begin with its kind, claim.",
        ),
        (
            "domain: dunning",
            "domain: duning",
            "dunning.yml:1: unknown domain 'duning'; did you mean 'dunning'?",
        ),
        ("domain: dunning", "domain: fraud", "dunning.yml:1: domain 'fraud' belongs in fraud.yml"),
        ("domain: dunning", "owner: x", "dunning.yml:1: unknown top-level key 'owner'"),
        (
            "    title: Flags agree\n",
            "    title: A\n    title: B\n",
            "dunning.yml:11: 'title' is already given on line 10",
        ),
        ("title: Flags agree", "title: [a, b]", "dunning.yml:10: 'title' must be text"),
        ("title: Flags agree", "title: {a b]", "dunning.yml:10: not valid YAML"),
    ],
)
def test_each_mistake_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    found = _messages(_folder(tmp_path, dunning=GOOD.replace(old, new, 1)))
    assert any(message.startswith(expected) for message in found), found


def test_a_unit_or_a_mere_name_is_enough(tmp_path: Path) -> None:
    said = GOOD.replace("All three stores agree.", "529 accounts disagree.\n    unit: accounts")
    assert lint(_folder(tmp_path, dunning=said)) == []
    named = GOOD.replace("All three stores agree.", "The p95 of W12 in Q2 is agreed.")
    assert lint(_folder(tmp_path, dunning=named)) == []


def test_all_errors_come_at_once_over_all_files(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        dunning=GOOD.replace("kind: claim", "kind: clam").replace("[claim.", "[claim.no-"),
        fraud="domain: fraud\nnodes:\n  - id: claim.flags-agree\n    kind: claim\n",
        usage="- a list\n",
    )
    with pytest.raises(GraphInvalid) as raised:
        compile_graph(folder)
    files = [error.file for error in raised.value.errors]
    assert files == sorted(files) and set(files) == {"dunning.yml", "fraud.yml", "usage.yml"}
    assert len(raised.value.errors) >= 5
    for error in raised.value.errors:
        assert str(error) in str(raised.value)


def test_a_circle_of_evidence_is_refused(tmp_path: Path) -> None:
    circle = """\
domain: usage
nodes:
  - {id: claim.a, kind: claim, title: A, statement: A holds, grounds: [claim.b]}
  - {id: claim.b, kind: claim, title: B, statement: B holds, grounds: [claim.a]}
"""
    assert _messages(_folder(tmp_path, usage=circle)) == [
        "usage.yml:3: grounds runs in a circle: claim.a, claim.b"
    ]


def test_edges_may_cross_files_and_never_point_at_themselves(tmp_path: Path) -> None:
    other = "domain: fraud\nnodes:\n  - id: risk.x\n    kind: risk\n    title: X\n"
    across = f"{other}    complicates: [claim.flags-agree, risk.x]\n"
    assert _messages(_folder(tmp_path, dunning=GOOD, fraud=across)) == [
        "fraud.yml:6: risk.x cannot relate to itself (complicates)"
    ]


def test_missing_or_empty_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="does not exist"):
        compile_graph(tmp_path / "nowhere")
    with pytest.raises(GraphInvalid, match=r"no \.yml file"):
        compile_graph(tmp_path)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "fraud.yml").write_text(text, encoding="utf-8", errors="replace")
        for error in lint(Path(folder)):
            assert error.line >= 1 and error.file == "fraud.yml" and error.message


@given(st.lists(st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True), unique=True, max_size=12))
def test_every_well_formed_node_arrives_once(names: list[str]) -> None:
    nodes = "".join(
        f"  - id: question.{name}\n    kind: question\n    title: T\n    statement: S\n"
        for name in names
    )
    with tempfile.TemporaryDirectory() as folder:
        text = f"domain: fraud\nnodes:\n{nodes}" if names else "domain: fraud\nnodes: []\n"
        (Path(folder) / "fraud.yml").write_text(text, encoding="utf-8")
        compiled = compile_graph(Path(folder)).nodes["node_id"].to_pylist()
    assert compiled == sorted(f"question.{name}" for name in names)
