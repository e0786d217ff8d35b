"""Compiles the authored knowledge graph into the two tables that land in the warehouse.

Checks structure and references and reports every error at once with file and
line. Epistemic status (grounded, stale, untested …) is never authored and not
computed here: models compute it from metrics and edges.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import pyarrow as pa

from orchestration.errors import PermanentFailure
from orchestration.knowledge.reader import AuthoredFile, AuthoredNode, GraphError, Target, read_file
from orchestration.knowledge.vocabulary import DOMAINS, FIELDS, KINDS, RELATIONS

GRAPH_FOLDER = Path(__file__).parent / "graph"

_ID = re.compile(r"^[a-z]+(\.[a-z0-9][a-z0-9_-]*)+$")
# A number that stands alone; W12, p95 or 3DS are names that merely contain a digit.
_NUMBER = re.compile(r"(?<![\w.-])\d[\d,.]*(?![\w-])")
_ACYCLIC = ("grounds", "derives_from", "supersedes")

NODE_SCHEMA = pa.schema(
    [
        ("node_id", pa.string()),
        ("kind", pa.string()),
        ("domain", pa.string()),
        ("title", pa.string()),
        ("statement", pa.string()),
        ("metric_id", pa.string()),
        ("claim_query", pa.string()),
        ("code_reference", pa.string()),
        ("is_simulated", pa.bool_()),
        ("definition_hash", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
    ]
)
EDGE_SCHEMA = pa.schema(
    [
        ("edge_id", pa.string()),
        ("from_node_id", pa.string()),
        ("relation", pa.string()),
        ("to_node_id", pa.string()),
        ("is_simulated", pa.bool_()),
        ("file", pa.string()),
        ("line", pa.int64()),
    ]
)


@dataclass(frozen=True)
class CompiledGraph:
    """The graph as two tables with the columns of `knowledge.nodes` and `knowledge.edges`."""

    nodes: pa.Table
    edges: pa.Table


class GraphInvalid(PermanentFailure):
    """The authored graph has errors; nothing is compiled. `errors` holds each of them."""

    def __init__(self, folder: Path, errors: list[GraphError]) -> None:
        self.errors = errors
        listed = "\n".join(f"  {error}" for error in errors)
        super().__init__(
            f"The knowledge graph has {len(errors)} error(s):\n{listed}\n",
            tried=f"compile {folder}",
            todo="Correct the lines named above; `paygo graph lint` checks again.",
        )


def lint(folder: Path = GRAPH_FOLDER) -> list[GraphError]:
    """Return every error of the graph in `folder`, ordered by file and line; empty when clean."""
    return _read_and_check(folder)[1]


def _read_and_check(folder: Path) -> tuple[list[AuthoredNode], list[GraphError]]:
    files, errors = _read(folder)
    nodes = [node for file in files for node in file.nodes]
    errors += _check_files(files)
    for node in nodes:
        errors += _check_node(node)
    errors += _check_duplicates(nodes)
    known = {node.node_id: node for node in nodes if node.node_id}
    for node in nodes:
        errors += _check_targets(node, known)
    errors += _check_cycles(nodes, known)
    return nodes, sorted(set(errors))


def compile_graph(folder: Path = GRAPH_FOLDER) -> CompiledGraph:
    """Compile `<folder>/<domain>.yml` into nodes and edges, sorted by id.

    Raises GraphInvalid naming file and line of every error.
    """
    nodes, errors = _read_and_check(folder)
    if errors:
        raise GraphInvalid(folder, errors)
    edges = [(node, target) for node in nodes for target in node.targets]
    node_rows = sorted((_node_row(node) for node in nodes), key=lambda row: str(row["node_id"]))
    edge_rows = sorted(
        (_edge_row(node, target) for node, target in edges), key=lambda row: str(row["edge_id"])
    )
    return CompiledGraph(
        nodes=pa.Table.from_pylist(node_rows, schema=NODE_SCHEMA),
        edges=pa.Table.from_pylist(edge_rows, schema=EDGE_SCHEMA),
    )


def _read(folder: Path) -> tuple[list[AuthoredFile], list[GraphError]]:
    if not folder.is_dir():
        raise PermanentFailure(
            f"The graph folder {folder} does not exist.",
            tried="read the authored knowledge graph",
            todo="Name the folder that holds <domain>.yml files.",
        )
    files, errors = [], []
    for path in sorted(folder.glob("*.y*ml")):
        authored, found = read_file(path, path.name)
        files.append(authored)
        errors += found
    if not files:
        errors.append(
            GraphError(".", 1, f"no .yml file in {folder.name}; one a domain is expected")
        )
    return files, errors


def _check_files(files: Iterable[AuthoredFile]) -> list[GraphError]:
    errors = []
    for file in files:
        stem = Path(file.file).stem
        if not file.is_readable:
            continue
        if file.domain not in DOMAINS:
            message = f"unknown domain {file.domain!r}{_did_you_mean(file.domain, DOMAINS)}"
            errors.append(GraphError(file.file, file.domain_line, message))
        elif file.domain != stem:
            message = f"domain {file.domain!r} belongs in {file.domain}.yml"
            errors.append(GraphError(file.file, file.domain_line, message))
    return errors


def _check_node(node: AuthoredNode) -> list[GraphError]:
    def error(name: str, message: str) -> GraphError:
        return GraphError(node.file, node.line_of(name), message)

    errors = []
    for name in ("id", "kind", "title"):
        if not node.fields.get(name):
            errors.append(error(name, f"node {node.node_id or '(no id)'} has no {name}"))
    if node.kind and node.kind not in KINDS:
        errors.append(error("kind", f"unknown kind {node.kind!r}{_did_you_mean(node.kind, KINDS)}"))
    if node.node_id and not _ID.match(node.node_id):
        errors.append(error("id", f"id {node.node_id!r} must look like kind.name in lower case"))
    elif node.node_id and node.kind in KINDS and not node.node_id.startswith(f"{node.kind}."):
        errors.append(error("id", f"id {node.node_id!r} must begin with its kind, {node.kind}."))
    if node.kind == "metric" and not node.fields.get("metric"):
        errors.append(error("kind", f"{node.node_id} must name the `metric` that it stands for"))
    said = f"{node.fields.get('title', '')} {node.fields.get('statement', '')}"
    if node.kind == "claim" and _NUMBER.search(said) and not node.fields.get("unit"):
        number = _NUMBER.findall(said)[0]
        errors.append(error("statement", f"{node.node_id} says {number} without a `unit`"))
    if node.kind in {"claim", "hypothesis", "question"} and not node.fields.get("statement"):
        errors.append(error("kind", f"{node.node_id} is a {node.kind} and needs a `statement`"))
    if node.fields.get("is_simulated", "false") not in {"true", "false"}:
        errors.append(error("is_simulated", "is_simulated must be true or false"))
    return errors


def _check_duplicates(nodes: Iterable[AuthoredNode]) -> list[GraphError]:
    errors = []
    first: dict[str, AuthoredNode] = {}
    for node in nodes:
        if not node.node_id:
            continue
        if node.node_id in first:
            other = first[node.node_id]
            message = f"id {node.node_id!r} is already used in {other.file}:{other.line_of('id')}"
            errors.append(GraphError(node.file, node.line_of("id"), message))
        else:
            first[node.node_id] = node
    return errors


def _check_targets(node: AuthoredNode, known: dict[str, AuthoredNode]) -> list[GraphError]:
    errors = []
    seen: set[tuple[str, str]] = set()
    for target in node.targets:
        if target.relation not in RELATIONS:
            hint = _did_you_mean(target.relation, RELATIONS.keys() | FIELDS)
            message = f"unknown field or relation {target.relation!r}{hint}"
        elif target.node_id not in known:
            hint = _did_you_mean(target.node_id, known)
            message = f"{target.relation} names an unknown node {target.node_id!r}{hint}"
        elif target.node_id == node.node_id:
            message = f"{node.node_id} cannot relate to itself ({target.relation})"
        elif (target.relation, target.node_id) in seen:
            message = f"{target.relation} {target.node_id} is given twice on {node.node_id}"
        else:
            seen.add((target.relation, target.node_id))
            message = _forbidden_pair(node.kind, target.relation, known[target.node_id].kind)
        if message:
            errors.append(GraphError(node.file, target.line, message))
    return errors


def _forbidden_pair(start: str, relation: str, end: str) -> str:
    """Say why the relation cannot join these kinds; empty when it can (or a kind is unknown)."""
    starts, ends = RELATIONS[relation]
    if start in KINDS and start not in starts:
        return f"a {start} cannot be the subject of {relation!r} ({', '.join(sorted(starts))} can)"
    if end in KINDS and end not in ends:
        return f"{relation!r} cannot end at a {end} (it ends at {', '.join(sorted(ends))})"
    return ""


def _check_cycles(
    nodes: Iterable[AuthoredNode], known: dict[str, AuthoredNode]
) -> list[GraphError]:
    """A chain of evidence that ends in itself proves nothing."""
    errors = []
    for relation in _ACYCLIC:
        graph: nx.DiGraph[str] = nx.DiGraph()
        lines: dict[tuple[str, str], tuple[str, int]] = {}
        for node in nodes:
            for target in node.targets:
                if target.relation == relation and target.node_id in known:
                    graph.add_edge(node.node_id, target.node_id)
                    lines[node.node_id, target.node_id] = (node.file, target.line)
        for members in sorted(map(sorted, nx.strongly_connected_components(graph))):
            if len(members) > 1:
                inside = min(lines[edge] for edge in lines if set(edge) <= set(members))
                message = f"{relation} runs in a circle: {', '.join(members)}"
                errors.append(GraphError(*inside, message))
    return errors


def _node_row(node: AuthoredNode) -> dict[str, object]:
    defined = {name: node.fields.get(name) for name in sorted(FIELDS)} | {"domain": node.domain}
    return {
        "node_id": node.node_id,
        "kind": node.kind,
        "domain": node.domain,
        "title": node.fields["title"],
        "statement": node.fields.get("statement"),
        "metric_id": node.fields.get("metric"),
        "claim_query": node.fields.get("claim"),
        "code_reference": node.fields.get("code_reference"),
        "is_simulated": node.fields.get("is_simulated") == "true",
        "definition_hash": _digest(defined),
        "file": node.file,
        "line": node.line,
    }


def _edge_row(node: AuthoredNode, target: Target) -> dict[str, object]:
    return {
        "edge_id": f"{node.node_id}>{target.relation}>{target.node_id}",
        "from_node_id": node.node_id,
        "relation": target.relation,
        "to_node_id": target.node_id,
        "is_simulated": node.fields.get("is_simulated") == "true",
        "file": node.file,
        "line": target.line,
    }


def _digest(value: object) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
