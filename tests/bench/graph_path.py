"""The knowledge graph at fifty times its size: compiling 100,000 nodes and 300,000 edges from YAML,
and the models that compute status, dependencies and debt from them. dbt's own start is apart."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from orchestration.knowledge.compile import compile_graph
from orchestration.knowledge.vocabulary import DOMAINS
from orchestration.workspace import DBT_PROJECT, metric_ids
from tests.dbt.graph_models import GRAPH_MODELS, GraphModels

COMPILE_SECONDS, STATUS_SECONDS = 60.0, 30.0
STATUS = ("fct_graph_edges", "fct_hypotheses", "fct_graph_nodes")
REST = tuple(model for model in GRAPH_MODELS if model not in STATUS)
METRICS = 200
_SHARES = (
    ("claim", 0.45),
    ("hypothesis", 0.1),
    ("mechanism", 0.2),
    ("pattern", 0.1),
    ("observation", 0.1),
    ("risk", 0.05),
)
_RELATIONS = (
    (0.30, "grounds", ("observation", "claim", "pattern"), ("claim", "pattern")),
    (0.20, "supports", ("pattern", "observation"), ("claim",)),
    (0.10, "derives_from", ("claim",), ("mechanism",)),
    (0.15, "triggers", ("mechanism",), ("risk",)),
    (0.15, "complicates", ("mechanism", "risk"), ("hypothesis",)),
    (0.10, "enables", ("mechanism",), ("claim",)),
)


def measure(nodes: int, edges: int) -> list[dict[str, Any]]:
    """Seconds to compile from YAML and to compute status, each against its budget."""
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as name:
        folder = Path(name)
        write(folder / "graph", nodes, edges)
        started = time.perf_counter()
        graph = compile_graph(folder / "graph")
        compiled = time.perf_counter() - started
        size = (graph.nodes.num_rows, graph.edges.num_rows)
        if size != (nodes, edges):
            raise RuntimeError(f"the graph has {size} nodes and edges")
        models = GraphModels(_dbt(folder))
        load(models, graph)
        models.rows("set threads = 2")
        started = time.perf_counter()
        models.build(STATUS)
        status = time.perf_counter() - started
        started = time.perf_counter()
        models.build(REST)
        rest = time.perf_counter() - started
    said = f"{nodes:,} nodes, {edges:,} edges"
    return [
        _row(f"compile the graph from YAML, {said}", compiled, COMPILE_SECONDS),
        _row(f"status of every node with its proof, {said}", status, STATUS_SECONDS),
        _row(f"blast radius, single points, certificates, debt, {said}", rest, STATUS_SECONDS),
    ]


def _row(name: str, seconds: float, budget: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": seconds,
        "unit": "s",
        "against": f"budget of {budget:.0f} s",
        "ratio": seconds / budget,
        "limit": 1.0,
        "better": "lower",
    }


def write(folder: Path, nodes: int, edges: int, seed: int = 1) -> None:
    """Write a random graph of exactly that size, one file a domain; chains start at metrics."""
    rng = random.Random(seed)
    folder.mkdir()
    names: dict[str, list[str]] = {"metric": [f"metric.m{i}" for i in range(METRICS)]}
    left = nodes - METRICS
    for kind, share in _SHARES[1:]:
        names[kind] = [f"{kind}.n{i}" for i in range(int(share * nodes))]
        left -= len(names[kind])
    names["claim"] = [f"claim.n{i}" for i in range(left)]
    targets: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    count = 0

    def add(start: str, relation: str, end: str) -> None:
        nonlocal count
        if start != end and end not in targets[start][relation]:
            targets[start][relation].add(end)
            count += 1

    for name in names["observation"]:
        add(rng.choice(names["metric"]), "grounds", name)
    for name in names["hypothesis"][: nodes // 40]:
        add(name, "predicts", rng.choice(names["metric"]))
    wanted = edges - count
    goals = [(count + round(wanted * s), r, a, b) for s, r, a, b in _cumulated()]
    for goal, relation, starts, ends in goals:
        while count < (edges if relation == goals[-1][1] else goal):
            start, end = rng.choice(names[rng.choice(starts)]), rng.choice(names[rng.choice(ends)])
            # Evidence flows from lower to higher numbers, so that nothing runs in a circle.
            if relation == "grounds" and _number(start) >= _number(end):
                continue
            add(start, relation, end)
    _write_files(folder, names, targets)


def _cumulated() -> list[tuple[float, str, tuple[str, ...], tuple[str, ...]]]:
    total, found = 0.0, []
    for share, relation, starts, ends in _RELATIONS:
        total += share
        found.append((total, relation, starts, ends))
    return found


def _number(name: str) -> int:
    return int(name.partition(".")[2][1:])


def _write_files(
    folder: Path, names: dict[str, list[str]], targets: dict[str, dict[str, set[str]]]
) -> None:
    domains = sorted(DOMAINS)
    texts = {domain: [f"domain: {domain}\nnodes:\n"] for domain in domains}
    for kind, members in names.items():
        for position, name in enumerate(members):
            lines = [f"  - id: {name}", f"    kind: {kind}", f"    title: A {kind} of the bench"]
            lines.append("    statement: Stands for something that somebody has written down.")
            if kind == "metric":
                lines.append(f"    metric: {name.partition('.')[2]}")
            for relation, ends in targets[name].items():
                lines.append(f"    {relation}: [{', '.join(sorted(ends))}]")
            texts[domains[position % len(domains)]].append("\n".join(lines) + "\n")
    for domain, text in texts.items():
        (folder / f"{domain}.yml").write_text("".join(text), encoding="utf-8")


def load(models: GraphModels, graph: Any) -> None:
    """Put a compiled graph and a state of each metric into the models' inputs."""
    for name, data in (("nodes", graph.nodes), ("edges", graph.edges)):
        models.connection.register("incoming", data)
        columns = ", ".join(data.column_names)
        table = f"staging.stg_knowledge__{name}"
        models.rows(f"insert into {table} ({columns}) select {columns} from incoming")
        models.connection.unregister("incoming")
    models.rows(
        "insert into metrics.fct_metric_status (metric_id, evidence, freshness) select metric_id,"
        " 'measured', case when hash(metric_id) % 3 = 0 then 'fresh' else 'stale' end"
        " from staging.stg_knowledge__nodes where kind = 'metric'"
    )


def _dbt(folder: Path) -> Path:
    """Compile the models' SQL with dbt and return the folder of it."""
    target = folder / "target"
    subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--quiet", "compile"),
            *("--select", *GRAPH_MODELS, "--no-introspect"),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
            *("--target", "duckdb", "--target-path", str(target), "--log-path", str(target)),
            *("--vars", json.dumps({"as_of": "2026-03-24T06:00:00Z", "metric_ids": metric_ids()})),
        ],
        env={**os.environ, "PAYGO_DUCKDB_PATH": str(folder / "warehouse.duckdb")},
        check=True,
    )
    return target / "compiled" / "paygo"
