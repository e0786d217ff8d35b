"""What one authored node may say: required fields, their forms, and whom it may relate to.

Pure functions of a node; what needs the whole graph (duplicates, circles) is in `compile.py`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date

from orchestration.knowledge.reader import AuthoredNode, GraphError
from orchestration.knowledge.vocabulary import (
    CERTIFICATE,
    DIRECTIONS,
    FIELDS,
    INVERSES,
    KIND_OF_FIELD,
    KINDS,
    PREDICTION,
    RELATIONS,
)

_ID = re.compile(r"^[a-z]+(\.[a-z0-9][a-z0-9_-]*)+$")
# A number that stands alone; W12, p95 or 3DS are names that merely contain a digit.
_NUMBER = re.compile(r"(?<![\w.-])\d[\d,.]*(?![\w-])")
_SIZE = re.compile(
    r"^(by (?P<percent>\d+(\.\d+)?) %|by (?P<step>\d+(\.\d+)?)|to (?P<level>\d+(\.\d+)?))$"
)
_TABLE = re.compile(r"\b(?:from|join)\s+(\w+)\.(\w+)", re.IGNORECASE)
_TOLERANCE = re.compile(r"^\d+(\.\d+)?( %)?$")
_SEARCHED = 2000
"""Names compared for a suggestion; more would make a large graph with many errors slow."""


def check_node(node: AuthoredNode) -> list[GraphError]:
    """Return every error of the node's own fields."""
    return [
        GraphError(node.file, node.line_of(name), message)
        for check in (_required, _names, _numbers, _forms, _prediction, _certificate)
        for name, message in check(node)
    ]


def _required(node: AuthoredNode) -> Iterator[tuple[str, str]]:
    for name in ("id", "kind", "title"):
        if not node.fields.get(name):
            yield name, f"node {node.node_id or '(no id)'} has no {name}"
    if node.kind == "metric" and not node.fields.get("metric"):
        yield "kind", f"{node.node_id} must name the `metric` that it stands for"
    if node.kind in {"claim", "hypothesis", "question"} and not node.fields.get("statement"):
        yield "kind", f"{node.node_id} is a {node.kind} and needs a `statement`"


def _names(node: AuthoredNode) -> Iterator[tuple[str, str]]:
    if node.kind and node.kind not in KINDS:
        yield "kind", f"unknown kind {node.kind!r}{did_you_mean(node.kind, KINDS)}"
    if node.node_id and not _ID.match(node.node_id):
        yield "id", f"id {node.node_id!r} must look like kind.name in lower case"
    elif node.node_id and node.kind in KINDS and not node.node_id.startswith(f"{node.kind}."):
        yield "id", f"id {node.node_id!r} must begin with its kind, {node.kind}."
    for name, kinds in KIND_OF_FIELD.items():
        if name in node.fields and node.kind in KINDS and node.kind not in kinds:
            yield name, f"a {node.kind} carries no `{name}` ({', '.join(sorted(kinds))} may)"


def _numbers(node: AuthoredNode) -> Iterator[tuple[str, str]]:
    if node.kind != "claim" or node.fields.get("unit"):
        return
    said = f"{node.fields.get('title', '')} {node.fields.get('statement', '')}"
    if _NUMBER.search(said):
        number = _NUMBER.findall(said)[0]
        yield "statement", f"{node.node_id} says {number} without a `unit`"
    elif node.fields.get("query"):
        yield "query", f"{node.node_id} has a query whose number has no `unit`"


def _forms(node: AuthoredNode) -> Iterator[tuple[str, str]]:
    if node.fields.get("is_simulated", "false") not in {"true", "false"}:
        yield "is_simulated", "is_simulated must be true or false"
    for name in ("stated_on", "shipped_on", "certified_on"):
        if name in node.fields and not _is_day(node.fields[name]):
            yield name, f"{name} must be a day such as 2026-03-09"
    if "tolerance" in node.fields and not _TOLERANCE.match(node.fields["tolerance"]):
        yield "tolerance", "tolerance must look like `2 %` or `0.5`"
    if node.fields.get("claim") and node.fields.get("query"):
        yield (
            "query",
            f"{node.node_id} takes its number from `claim` or from `query`, not from both",
        )
    query = node.fields.get("query")
    if query is not None and not query.lower().startswith(("select ", "with ")):
        yield "query", "query must be one select"
    elif query is not None:
        for schema, name in _TABLE.findall(query):
            if schema != "reporting":
                read = f"{schema}.{name}"
                yield "query", f"query reads {read}; only reporting models may be read"


def _prediction(node: AuthoredNode) -> Iterator[tuple[str, str]]:
    given = [name for name in PREDICTION if node.fields.get(name)]
    missing = [name for name in PREDICTION if name not in given]
    if not given:
        return
    if missing:
        yield given[0], f"{node.node_id} predicts without {' and '.join(missing)}"
    elif not any(t.relation == "predicts" for t in node.targets):
        yield given[0], f"{node.node_id} says how far but predicts no metric"
    direction = node.fields.get("direction")
    if direction and direction not in DIRECTIONS:
        yield "direction", f"direction must be down or up, not {direction!r}"
    size = node.fields.get("size")
    if size and not _SIZE.match(size):
        yield "size", "size must look like `by 20 %`, `by 5` or `to 0`"
    days = node.fields.get("window_days")
    if days and not (days.isdigit() and 1 <= int(days) <= 366):
        yield "window_days", "window_days must be a whole number from 1 to 366"


def _certificate(node: AuthoredNode) -> Iterator[tuple[str, str]]:
    given = [name for name in CERTIFICATE if node.fields.get(name)]
    missing = [name for name in CERTIFICATE if name not in given]
    if given and missing:
        yield given[0], f"{node.node_id} is certified without {' and '.join(missing)}"


def check_targets(node: AuthoredNode, known: Mapping[str, AuthoredNode]) -> list[GraphError]:
    """Return every error of the node's relations and their targets."""
    errors = []
    seen: set[tuple[str, str]] = set()
    for target in node.targets:
        relation = INVERSES.get(target.relation, target.relation)
        if relation not in RELATIONS:
            hint = did_you_mean(target.relation, RELATIONS.keys() | FIELDS | INVERSES.keys())
            message = f"unknown field or relation {target.relation!r}{hint}"
        elif target.node_id not in known:
            hint = did_you_mean(target.node_id, known)
            message = f"{target.relation} names an unknown node {target.node_id!r}{hint}"
        elif target.node_id == node.node_id:
            message = f"{node.node_id} cannot relate to itself ({target.relation})"
        elif (target.relation, target.node_id) in seen:
            message = f"{target.relation} {target.node_id} is given twice on {node.node_id}"
        else:
            seen.add((target.relation, target.node_id))
            ends = node.kind, known[target.node_id].kind
            if target.relation in INVERSES:
                ends = ends[1], ends[0]
            message = _forbidden_pair(ends[0], relation, ends[1])
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


def parsed_size(size: str) -> tuple[str, str]:
    """Return how a size is meant (`percent`, `step` or `level`) and its number as text."""
    match = _SIZE.match(size)
    if match is None:
        raise ValueError(f"no size: {size!r}")
    return next((name, text) for name, text in match.groupdict().items() if text is not None)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return a suggestion, or nothing when no known name is close or they are too many."""
    if len(known) > _SEARCHED:
        known = [name for name in known if name[:3] == word[:3]][:_SEARCHED]
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
