"""Fills the authored knowledge graph up to the size of a platform's, for scale and for the picture.

Everything added is marked as simulated and lies in files of its own; the authored files are
copied beside them. Scenario `shipped` writes the delivery's date on the workstreams, as their
owners would. Nothing here computes a status.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.knowledge.compile import GRAPH_FOLDER, CompiledGraph, compile_graph
from orchestration.knowledge.vocabulary import DOMAINS

NODES, EDGES, UNTESTED = 2_008, 2_803, 147
"""Published counts, authored nodes included."""
SHIPPED_ON = "2026-03-09"

_KINDS = {
    "hypothesis": 190,
    "mechanism": 330,
    "pattern": 150,
    "question": 130,
    "observation": 160,
    "decision": 80,
    "risk": 80,
    "signal": 40,
    "query": 46,
}
"""Nodes of a kind, authored ones included; what is left of NODES are claims."""

_WORDS = (
    *("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "inlet", "juniper"),
    *("knoll", "larch", "marsh", "north", "ocean", "pine", "quartz", "ridge", "slate", "thicket"),
)
_DAYS = ("2025-06-16", "2025-08-04", "2025-09-22", "2025-11-03", "2025-12-15", "2026-02-02")

_EXTRA: tuple[tuple[str, str, str], ...] = (
    ("pattern", "supports", "claim"),
    ("observation", "supports", "claim"),
    ("pattern", "supports", "decision"),
    ("mechanism", "triggers", "risk"),
    ("mechanism", "complicates", "question"),
    ("decision", "addresses", "risk"),
    ("risk", "complicates", "decision"),
    ("mechanism", "enables", "claim"),
    ("signal", "triggers", "question"),
    ("claim", "derives_from", "mechanism"),
    ("hypothesis", "addresses", "risk"),
)
"""Edges that bring the graph to its count: kinds and relation."""


@dataclass
class _Node:
    node_id: str
    kind: str
    domain: str
    lines: list[str]
    targets: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def write_graph(folder: Path, seed: int, scenario: str, authored: Path = GRAPH_FOLDER) -> Path:
    """Write the graph of the demo into `folder` (emptied first): authored files and the fill."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.yml"):
        stale.unlink()
    for path in sorted(authored.glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        if scenario == "shipped":
            text = delivered(text)
        (folder / path.name).write_text(text, encoding="utf-8")
    by_domain: dict[str, list[_Node]] = defaultdict(list)
    for node in fill(compile_graph(authored), random.Random(seed)):
        by_domain[node.domain].append(node)
    for domain, nodes in sorted(by_domain.items()):
        text = f"domain: {domain}\nis_simulated: true\nnodes:\n" + "".join(map(_yaml, nodes))
        (folder / f"{domain}.simulated.yml").write_text(text, encoding="utf-8")
    return folder


def delivered(text: str) -> str:
    """Return an authored file in which every workstream was delivered on SHIPPED_ON."""
    line = "    kind: workstream\n"
    return text.replace(line, f"{line}    shipped_on: {SHIPPED_ON}\n")


def fill(authored: CompiledGraph, rng: random.Random) -> list[_Node]:
    """Return the simulated nodes that bring the authored graph to the published counts."""
    kinds = Counter(authored.nodes["kind"].to_pylist())
    predicting = {
        edge["from_node_id"]
        for edge in authored.edges.to_pylist()
        if edge["relation"] == "predicts"
    }
    hypotheses = {n["node_id"] for n in authored.nodes.to_pylist() if n["kind"] == "hypothesis"}
    untested = UNTESTED - len(hypotheses - predicting)
    missing = {kind: max(0, count - kinds[kind]) for kind, count in _KINDS.items()}
    missing["claim"] = NODES - authored.nodes.num_rows - sum(missing.values())
    metrics = sorted(n["node_id"] for n in authored.nodes.to_pylist() if n["kind"] == "metric")
    nodes = _nodes(missing, rng)
    edges = _backbone(nodes, metrics, untested, rng)
    _top_up(nodes, EDGES - authored.edges.num_rows - edges, rng)
    return nodes


def _nodes(missing: dict[str, int], rng: random.Random) -> list[_Node]:
    names = _names()
    domains = sorted(DOMAINS)
    found = []
    for kind, count in sorted(missing.items()):
        for _ in range(count):
            words = next(names)
            lines = [
                f"title: 'Simulated {kind}: {' '.join(words)}'",
                f"statement: Stands for a {kind} of the platform that is not written down here.",
            ]
            if kind == "mechanism":
                lines.append(f"code_reference: simulated/{'_'.join(words)}")
            if kind == "hypothesis":
                lines.append(f"stated_on: {rng.choice(_DAYS)}")
            node_id = f"{kind}.sim-{'-'.join(words)}"
            found.append(_Node(node_id, kind, rng.choice(domains), lines))
    return found


def _names() -> Iterator[tuple[str, str, str]]:
    for first in _WORDS:
        for second in _WORDS:
            for third in _WORDS:
                yield first, second, third


def _backbone(nodes: list[_Node], metrics: list[str], untested: int, rng: random.Random) -> int:
    """Chains from metrics over observations to claims, predictions, a few contradictions."""
    of = _by_kind(nodes)
    count = 0

    def add(node: _Node, relation: str, target: str) -> None:
        nonlocal count
        if target not in node.targets[relation]:
            node.targets[relation].append(target)
            count += 1

    for node in of["observation"]:
        add(node, "grounded_by", rng.choice(metrics))
    backed = of["claim"][: len(of["claim"]) * 2 // 5]
    for position, node in enumerate(backed):
        earlier = backed[: position // 2]
        above = (
            rng.choice(earlier) if earlier and rng.random() < 0.3 else rng.choice(of["observation"])
        )
        add(node, "grounded_by", above.node_id)
    for node in of["pattern"]:
        add(node, "derives_from", "datasource.jira.issues")
    for node in of["hypothesis"][untested:]:
        add(node, "predicts", rng.choice(metrics))
    unbacked = of["claim"][len(backed) :]
    for left, right in zip(unbacked[:12], backed[-12:], strict=True):
        add(left, "contradicts", right.node_id)
    for left, right in zip(unbacked[12:18], unbacked[:6], strict=True):
        add(left, "supersedes", right.node_id)
    return count


def _top_up(nodes: list[_Node], missing: int, rng: random.Random) -> None:
    """Add edges between simulated nodes until the count is reached."""
    of = _by_kind(nodes)
    while missing > 0:
        start, relation, end = _EXTRA[missing % len(_EXTRA)]
        node, target = rng.choice(of[start]), rng.choice(of[end]).node_id
        if target not in node.targets[relation]:
            node.targets[relation].append(target)
            missing -= 1


def _by_kind(nodes: list[_Node]) -> dict[str, list[_Node]]:
    found: dict[str, list[_Node]] = defaultdict(list)
    for node in nodes:
        found[node.kind].append(node)
    return found


def _yaml(node: _Node) -> str:
    lines = [f"  - id: {node.node_id}", f"    kind: {node.kind}"]
    lines += [f"    {line}" for line in node.lines]
    lines += [f"    {relation}: [{', '.join(to)}]" for relation, to in node.targets.items() if to]
    return "\n".join(lines) + "\n"
