"""The graph compiler: each mistake is named with its line, and what is right arrives whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.errors import PermanentFailure
from orchestration.knowledge.compile import GraphInvalid, compile_graph, lint
from orchestration.knowledge.vocabulary import LONGEST_CHAIN
from orchestration.sources.contract import table
from orchestration.workspace import DBT_PROJECT

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
        (
            "stores agree.\n",
            "stores agree.\n    size: to 0\n",
            "dunning.yml:12: a claim carries no `size` (hypothesis may)",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    query: drop table x\n    unit: rows\n",
            "dunning.yml:12: query must be one select",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    query: select x from marts.y\n    unit: rows\n",
            "dunning.yml:12: query reads marts.y; only reporting models may be read",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    query: select 1\n",
            "dunning.yml:12: claim.flags-agree has a query whose number has no `unit`",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    tolerance: some\n",
            "dunning.yml:12: tolerance must look like `2 %` or `0.5`",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    certified_by: x\n",
            "dunning.yml:12: claim.flags-agree is certified without certified_on and",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    grounded_by: [metric.flags]\n",
            "dunning.yml:12: metric.flags grounds claim.flags-agree is already written in "
            "dunning.yml:7",
        ),
        (
            "stores agree.\n",
            "stores agree.\n    grounds: [metric.flags]\n",
            "dunning.yml:12: 'grounds' cannot end at a metric",
        ),
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


def test_a_circle_through_both_relations_of_evidence_is_refused(tmp_path: Path) -> None:
    circle = """\
domain: usage
nodes:
  - {id: claim.a, kind: claim, title: A, statement: A holds, grounds: [claim.b]}
  - {id: claim.b, kind: claim, title: B, statement: B holds}
  - {id: claim.c, kind: claim, title: C, statement: C holds, derives_from: [claim.b]}
  - {id: claim.d, kind: claim, title: D, statement: D, derives_from: [claim.c], grounds: [claim.a]}
"""
    assert _messages(_folder(tmp_path, usage=circle)) == [
        "usage.yml:3: grounds and derives_from runs in a circle: claim.a, claim.b, claim.c, claim.d"
    ]


def test_a_chain_that_the_models_would_not_follow_is_refused(tmp_path: Path) -> None:
    def text(length: int) -> str:
        nodes = "".join(
            f"  - {{id: claim.n{i}, kind: claim, title: T, statement: S,"
            f" grounds: [claim.n{i + 1}]}}\n"
            for i in range(length)
        )
        end = f"  - {{id: claim.n{length}, kind: claim, title: T, statement: S}}\n"
        return f"domain: usage\nnodes:\n{nodes}{end}"

    assert lint(_folder(tmp_path, usage=text(LONGEST_CHAIN))) == []
    (error,) = lint(_folder(tmp_path, usage=text(LONGEST_CHAIN + 1)))
    assert error.message.endswith(f"is longer than {LONGEST_CHAIN} steps")


def test_the_models_follow_chains_as_long_as_the_compiler_allows() -> None:
    macro = (DBT_PROJECT / "macros" / "graph.sql").read_text()
    assert f"macro longest_chain() -%}}\n  {LONGEST_CHAIN}\n" in macro


PREDICTION = """\
domain: dunning
nodes:
  - id: metric.flags
    kind: metric
    title: Flags
    metric: bad_debt_accounts
  - id: hypothesis.falls
    kind: hypothesis
    title: Falls
    statement: It falls.
    direction: down
    size: by 20 %
    window_days: 14
    predicts: [metric.flags]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    size: by 20 %\n", "", "dunning.yml:11: hypothesis.falls predicts without size"),
        ("direction: down", "direction: under", "dunning.yml:11: direction must be down or up"),
        ("size: by 20 %", "size: a lot", "dunning.yml:12: size must look like"),
        ("window_days: 14", "window_days: 0", "dunning.yml:13: window_days must be a whole number"),
        (
            "    predicts: [metric.flags]\n",
            "",
            "dunning.yml:11: hypothesis.falls says how far but predicts no metric",
        ),
        (
            "window_days: 14",
            "window_days: 14\n    stated_on: 2026-02-30",
            "dunning.yml:14: stated_on must be a day such as",
        ),
    ],
)
def test_a_prediction_names_direction_size_and_window(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert lint(_folder(tmp_path, dunning=PREDICTION)) == []
    found = _messages(_folder(tmp_path, dunning=PREDICTION.replace(old, new, 1)))
    assert any(message.startswith(expected) for message in found), found


def test_a_prediction_arrives_typed(tmp_path: Path) -> None:
    rows = compile_graph(_folder(tmp_path, dunning=PREDICTION)).nodes.to_pylist()
    (row,) = [r for r in rows if r["kind"] == "hypothesis"]
    assert (row["direction"], row["size_basis"], row["size"], row["window_days"]) == (
        *("down", "percent", "20"),
        14,
    )


def test_the_evidence_hash_follows_all_that_a_claim_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim(text: str) -> dict[str, str]:
        rows = compile_graph(_folder(tmp_path, dunning=text)).nodes.to_pylist()
        (row,) = [r for r in rows if r["kind"] == "claim"]
        return dict(row)

    before = claim(GOOD)
    behind = claim(GOOD.replace("title: Flags\n", "title: Other flags\n"))
    assert behind["evidence_hash"] != before["evidence_hash"]
    assert behind["definition_hash"] == before["definition_hash"]
    sealed = GOOD + "    certified_by: x\n    certified_on: 2026-03-24\n"
    sealed += f"    certified_definition: {before['evidence_hash']}\n"
    assert claim(sealed)["evidence_hash"] == before["evidence_hash"]
    meant = {"bad_debt_accounts": "another query"}
    monkeypatch.setattr("orchestration.knowledge.compile.metric_definitions", lambda: meant)
    assert claim(f"{GOOD}# read again\n")["evidence_hash"] != before["evidence_hash"]


def test_a_folder_is_compiled_once_until_it_changes(tmp_path: Path) -> None:
    folder = _folder(tmp_path, dunning=GOOD)
    first = compile_graph(folder)
    assert compile_graph(folder) is first
    _folder(tmp_path, dunning=GOOD.replace("All three", "The three"))
    assert compile_graph(folder) is not first


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


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "fraud.yml").write_text(text, encoding="utf-8", errors="replace")
        for error in lint(Path(folder)):
            assert error.line >= 1 and error.file == "fraud.yml" and error.message


@settings(deadline=None)
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
