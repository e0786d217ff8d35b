"""Brute force on the knowledge graph: every chain enumerated, nothing clever, no SQL.

Belongs here: what a node's status, proof, dependencies and single points must be by the words of
the rules. The tests hold the warehouse's models against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

DECLARED = ("datasource", "query", "decision", "risk", "workstream")
EVIDENCE = {"grounds": 1, "measures": 1, "supports": 1, "derives_from": -1, "predicts": -1}


@dataclass
class Graph:
    """Nodes by id (kind), edges, metric states (`fresh`, `stale`, or absent), coded mechanisms."""

    kinds: dict[str, str]
    edges: set[tuple[str, str, str]]
    metrics: dict[str, str]
    coded: set[str] = field(default_factory=set)

    @cached_property
    def _into(self) -> dict[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for start, relation, end in self.edges:
            found[relation, end].add(start)
        return found

    @cached_property
    def _superseded(self) -> set[str]:
        return {end for _, relation, end in self.edges if relation == "supersedes"}

    def live_opponents(self, node: str) -> set[str]:
        return self._into.get(("contradicts", node), set()) - self._superseded

    def chains(self, node: str, without: frozenset[str] = frozenset()) -> Iterator[tuple[str, ...]]:
        """Every chain of grounds edges from a measured metric to `node`, ends included."""
        if node in without:
            return
        if self.kinds[node] == "metric" and node in self.metrics:
            yield (node,)
        for start in self._into.get(("grounds", node), ()):
            if not self.live_opponents(start):
                for chain in self.chains(start, without):
                    yield (*chain, node)

    def best(self, node: str) -> tuple[str, ...] | None:
        """The chain that decides: fresh before stale, short before long, then by name."""
        found = list(self.chains(node))
        if not found:
            return None
        return min(found, key=lambda c: (self.metrics[c[0]] != "fresh", len(c), c[::-1]))

    def status(self, node: str) -> str:
        kind = self.kinds[node]
        if kind == "metric":
            return {"fresh": "measured", "stale": "stale"}.get(
                self.metrics.get(node, ""), "never_measured"
            )
        if kind == "hypothesis":
            watched = {e for s, relation, e in self.edges if s == node and relation == "predicts"}
            return "observable" if watched & set(self.metrics) else "untested"
        if kind == "question":
            return "open"
        if kind in DECLARED:
            return "declared"
        if self.live_opponents(node):
            return "contradicted"
        if kind == "mechanism":
            return "grounded" if node in self.coded else "asserted"
        chain = self.best(node)
        if chain is None:
            return "asserted"
        return "grounded" if self.metrics[chain[0]] == "fresh" else "stale"

    def resting_on(self, origin: str) -> dict[str, int]:
        """Nodes that rest on `origin` with the fewest steps between."""
        below: dict[str, set[str]] = defaultdict(set)
        for start, relation, end in self.edges:
            way = EVIDENCE.get(relation)
            if way:
                below[start if way == 1 else end].add(end if way == 1 else start)
        found: dict[str, int] = {}
        layer, steps = {origin}, 0
        while layer:
            steps += 1
            layer = {n for node in layer for n in below[node]} - found.keys() - {origin}
            found |= dict.fromkeys(layer, steps)
        return found

    def failing_with(self, origin: str) -> set[str]:
        """`origin` and every metric and source that cannot be measured without it."""
        found = {origin}
        while True:
            more = {
                start
                for start, relation, end in self.edges
                if relation == "derives_from"
                and end in found
                and (
                    self.kinds[start] in ("datasource", "query")
                    or (self.kinds[start] == "metric" and start in self.metrics)
                )
            } - found
            if not more:
                return found
            found |= more

    def falling_with(self, origin: str) -> set[str]:
        """Nodes that have a chain (or a measurement) and none once `origin` is gone."""
        gone = frozenset(self.failing_with(origin))
        chained = {n for n in self.kinds if next(self.chains(n), None)}
        lost = {n for n in chained if n not in gone and not next(self.chains(n, gone), None)}
        return lost | (set(gone) - {origin})
