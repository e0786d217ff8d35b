"""Compiles the authored knowledge graph into the two tables that land in the warehouse.

Checks structure and references and reports every error at once with file and
line. Epistemic status (grounded, stale, untested …) is never authored and not
computed here: models compute it from metrics and edges.
"""

from __future__ import annotations

import gc
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

import networkx as nx
import pyarrow as pa

from orchestration.errors import PermanentFailure
from orchestration.knowledge.checks import check_node, check_targets, did_you_mean, parsed_size
from orchestration.knowledge.definitions import digest, evidence_hashes, metric_definitions
from orchestration.knowledge.reader import AuthoredFile, AuthoredNode, GraphError, read_file
from orchestration.knowledge.vocabulary import (
    CERTIFICATE,
    DOMAINS,
    EVIDENCE,
    FIELDS,
    INVERSES,
    LONGEST_CHAIN,
    RELATIONS,
)
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table

GRAPH_FOLDER = Path(__file__).parent / "graph"

_ACYCLIC = ("grounds", "derives_from", "supersedes")
_AS_WRITTEN = (
    "statement",
    "query",
    "unit",
    "tolerance",
    "code_reference",
    "dimension",
    "direction",
    "stated_on",
    "shipped_on",
    *CERTIFICATE,
)
"""Columns that hold a field of the same name."""


@dataclass(frozen=True)
class CompiledGraph:
    """The graph as two tables with the columns of `knowledge.nodes` and `knowledge.edges`."""

    nodes: pa.Table
    edges: pa.Table


@dataclass(frozen=True)
class Edge:
    """One relation between two nodes and where it is written."""

    start: str
    relation: str
    end: str
    node: AuthoredNode
    line: int


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
    return _read_and_check(folder)[2]


def compile_graph(folder: Path = GRAPH_FOLDER) -> CompiledGraph:
    """Compile the graph files of `folder` into nodes and edges, sorted by id.

    A folder whose files have not changed is compiled once a process. Raises GraphInvalid
    naming file and line of every error.
    """
    return _compile(folder, content_hash(folder))


def content_hash(folder: Path) -> str:
    """Return a hash of the names and bytes of the graph files of `folder`."""
    found = hashlib.sha256()
    for path in graph_files(folder):
        content = path.read_bytes()
        found.update(f"{path.name}:{len(content)}:".encode() + content)
    return found.hexdigest()


def graph_files(folder: Path) -> list[Path]:
    """Return `<domain>.yml` and `<domain>.<part>.yml` of `folder`; PermanentFailure without it."""
    if not folder.is_dir():
        raise PermanentFailure(
            f"The graph folder {folder} does not exist.",
            tried="read the authored knowledge graph",
            todo="Name the folder that holds <domain>.yml files.",
        )
    return sorted(folder.glob("*.y*ml"))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of small objects that all stay: looking for circles among them only costs time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@lru_cache(maxsize=2)
@_without_collector()
def _compile(folder: Path, _content: str) -> CompiledGraph:
    nodes, edges, errors = _read_and_check(folder)
    if errors:
        raise GraphInvalid(folder, errors)
    hashes = _hashes(nodes, edges)
    node_rows = sorted((_node_row(node, *hashes) for node in nodes), key=itemgetter("node_id"))
    edge_rows = sorted((_edge_row(edge) for edge in edges), key=itemgetter("edge_id"))
    return CompiledGraph(
        nodes=pa.Table.from_pylist(node_rows, schema=landed_schema(table("knowledge.nodes"))),
        edges=pa.Table.from_pylist(edge_rows, schema=landed_schema(table("knowledge.edges"))),
    )


def _read_and_check(folder: Path) -> tuple[list[AuthoredNode], list[Edge], list[GraphError]]:
    files, errors = _read(folder)
    nodes = [node for file in files for node in file.nodes]
    errors += _check_files(files)
    for node in nodes:
        errors += check_node(node)
    errors += _check_duplicates(nodes)
    known = {node.node_id: node for node in nodes if node.node_id}
    for node in nodes:
        errors += check_targets(node, known)
    edges = [
        edge for node in nodes for edge in _edges(node) if {edge.start, edge.end} <= known.keys()
    ]
    errors += _check_repeats(edges) + _check_circles(edges)
    return nodes, edges, sorted(set(errors))


def _edges(node: AuthoredNode) -> Iterable[Edge]:
    for target in node.targets:
        inverse = INVERSES.get(target.relation)
        if inverse:
            yield Edge(target.node_id, inverse, node.node_id, node, target.line)
        elif target.relation in RELATIONS:
            yield Edge(node.node_id, target.relation, target.node_id, node, target.line)


def _read(folder: Path) -> tuple[list[AuthoredFile], list[GraphError]]:
    files, errors = [], []
    for path in graph_files(folder):
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
        stem = file.file.partition(".")[0]
        if not file.is_readable:
            continue
        if file.domain not in DOMAINS:
            message = f"unknown domain {file.domain!r}{did_you_mean(file.domain, DOMAINS)}"
            errors.append(GraphError(file.file, file.domain_line, message))
        elif file.domain != stem:
            message = f"domain {file.domain!r} belongs in {file.domain}.yml"
            errors.append(GraphError(file.file, file.domain_line, message))
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


def _check_repeats(edges: Iterable[Edge]) -> list[GraphError]:
    """The same edge written at both of its ends; twice at one end is named with its target."""
    errors = []
    first: dict[tuple[str, str, str], Edge] = {}
    for edge in edges:
        other = first.setdefault((edge.start, edge.relation, edge.end), edge)
        if other is not edge and other.node is not edge.node:
            message = (
                f"{edge.start} {edge.relation} {edge.end} is already written in "
                f"{other.node.file}:{other.line}"
            )
            errors.append(GraphError(edge.node.file, edge.line, message))
    return errors


def _check_circles(edges: list[Edge]) -> list[GraphError]:
    """A chain of evidence that ends in itself proves nothing."""
    edges = [edge for edge in edges if edge.start != edge.end]
    errors = [error for relation in _ACYCLIC for error in _circles((relation,), edges)]
    if not errors:  # together they would only say the same again
        errors = _circles(EVIDENCE, edges)
    if not errors:
        errors = _too_long([edge for edge in edges if edge.relation == "grounds"])
    return errors


def _circles(relations: tuple[str, ...], edges: list[Edge]) -> list[GraphError]:
    edges = [edge for edge in edges if edge.relation in relations]
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(_evidence_pair(edge) for edge in edges)
    errors = []
    for members in nx.strongly_connected_components(graph):
        if len(members) > 1:
            inside = [e for e in edges if e.start in members and e.end in members]
            file, line = min((e.node.file, e.line) for e in inside)
            circle = ", ".join(sorted(members))
            message = f"{' and '.join(relations)} runs in a circle: {circle}"
            errors.append(GraphError(file, line, message))
    return errors


def _too_long(edges: list[Edge]) -> list[GraphError]:
    after: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        after[edge.start].append(edge)
    steps: dict[str, int] = defaultdict(int)
    for node in _order([(e.start, e.end) for e in edges]):
        for edge in after[node]:
            steps[edge.end] = max(steps[edge.end], steps[node] + 1)
            if steps[edge.end] > LONGEST_CHAIN:
                message = f"the chain of grounds to {edge.end} is longer than {LONGEST_CHAIN} steps"
                return [GraphError(edge.node.file, edge.line, message)]
    return []


def _evidence_pair(edge: Edge) -> tuple[str, str]:
    """Return (what is rested on, what rests): `derives_from` reads the other way round."""
    is_reversed = edge.relation == "derives_from"
    return (edge.end, edge.start) if is_reversed else (edge.start, edge.end)


def _order(pairs: list[tuple[str, str]]) -> list[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(pairs)
    return list(nx.topological_sort(graph))


def _hashes(
    nodes: list[AuthoredNode], edges: list[Edge]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return each node's own hash and the hash of all that it rests on."""
    own = {node.node_id: digest(_defined(node)) for node in nodes}
    pairs = [_evidence_pair(edge) for edge in edges if edge.relation in EVIDENCE]
    upstream: dict[str, list[str]] = defaultdict(list)
    for below, above in pairs:
        upstream[above].append(below)
    metrics = metric_definitions()
    meant = {
        node.node_id: own[node.node_id] + metrics.get(node.fields.get("metric", ""), "")
        for node in nodes
    }
    ordered = dict.fromkeys(_order(pairs))
    rest = [name for name in own if name not in ordered]
    return own, evidence_hashes(meant, upstream, [*ordered, *rest])


def _defined(node: AuthoredNode) -> dict[str, str | None]:
    """What the node says: every field but its certificate."""
    names = sorted(FIELDS - set(CERTIFICATE))
    return {name: node.fields.get(name) for name in names} | {"domain": node.domain}


def _node_row(
    node: AuthoredNode, own: Mapping[str, str], evidence: Mapping[str, str]
) -> dict[str, object]:
    size = node.fields.get("size")
    basis, amount = parsed_size(size) if size else (None, None)
    days = node.fields.get("window_days")
    return {
        "node_id": node.node_id,
        "kind": node.kind,
        "domain": node.domain,
        "title": node.fields["title"],
        "metric_id": node.fields.get("metric"),
        "claim_query": node.fields.get("claim"),
        **{name: node.fields.get(name) for name in _AS_WRITTEN},
        "size_basis": basis,
        "size": amount,
        "window_days": int(days) if days else None,
        "evidence_hash": evidence[node.node_id],
        "is_simulated": node.fields.get("is_simulated") == "true",
        "definition_hash": own[node.node_id],
        "file": node.file,
        "line": node.line,
    }


def _edge_row(edge: Edge) -> dict[str, object]:
    return {
        "edge_id": f"{edge.start}>{edge.relation}>{edge.end}",
        "from_node_id": edge.start,
        "relation": edge.relation,
        "to_node_id": edge.end,
        "is_simulated": edge.node.fields.get("is_simulated") == "true",
        "file": edge.node.file,
        "line": edge.line,
    }
