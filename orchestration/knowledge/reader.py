"""Reads authored graph files and keeps the line of every node, field and target.

Knows YAML and nothing of what a graph means: kinds, relations and references
are checked in `compile.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from orchestration.knowledge.vocabulary import FIELDS

# The C parser where the wheel has it: the same marks, many times as fast.
_PARSER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _TextLoader(_PARSER):  # type: ignore[misc]
    """Takes every scalar for text: what it means is checked here, not guessed by YAML."""

    def resolve(self, kind: object, value: object, implicit: object) -> str:
        return "tag:yaml.org,2002:str"


@dataclass(frozen=True, order=True)
class GraphError:
    """One thing wrong in one file: `file` relative to the graph folder, `line` from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Target:
    """One authored edge end: relation key, target id and the line it stands on."""

    relation: str
    node_id: str
    line: int


@dataclass
class AuthoredNode:
    """A node as written: its text fields, the line of each, and its outgoing edges."""

    file: str
    line: int
    domain: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    @property
    def node_id(self) -> str:
        return self.fields.get("id", "")

    @property
    def kind(self) -> str:
        return self.fields.get("kind", "")

    def line_of(self, name: str) -> int:
        """Return the line of a field, or the node's own when the field is absent."""
        return self.lines.get(name, self.line)


@dataclass
class AuthoredFile:
    """One file: the domain it declares and its nodes in the order written."""

    file: str
    is_readable: bool = False
    is_simulated: bool = False
    domain: str = ""
    domain_line: int = 1
    nodes: list[AuthoredNode] = field(default_factory=list)


def read_file(path: Path, name: str) -> tuple[AuthoredFile, list[GraphError]]:
    """Read one graph file; what can be read is returned beside the errors found."""
    authored = AuthoredFile(file=name)
    errors: list[GraphError] = []
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_TextLoader)
    except UnicodeDecodeError as error:
        return authored, [GraphError(name, 1, f"not UTF-8 text: {error.reason}")]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return authored, [GraphError(name, line, f"not valid YAML: {error.problem}")]
    except yaml.YAMLError as error:
        return authored, [GraphError(name, 1, f"not valid YAML: {str(error).splitlines()[0]}")]
    except RecursionError:
        return authored, [GraphError(name, 1, "nested too deeply to be a graph file")]
    if not isinstance(root, yaml.MappingNode):
        return authored, [GraphError(name, 1, "expected `domain:` and `nodes:` at the top")]
    authored.is_readable = True
    for key, value, line in _items(root, name, errors):
        if key == "domain":
            authored.domain, authored.domain_line = _text(value, name, key, errors), line
        elif key == "nodes":
            authored.nodes = _read_nodes(value, authored, errors)
        elif key == "is_simulated":
            authored.is_simulated = _text(value, name, key, errors) == "true"
        else:
            known = "domain, is_simulated, nodes"
            errors.append(GraphError(name, line, f"unknown top-level key {key!r}; known: {known}"))
    for node in authored.nodes:
        node.domain = authored.domain
        if authored.is_simulated:
            node.fields.setdefault("is_simulated", "true")
    return authored, errors


def _read_nodes(
    value: yaml.Node, authored: AuthoredFile, errors: list[GraphError]
) -> list[AuthoredNode]:
    if not isinstance(value, yaml.SequenceNode):
        errors.append(GraphError(authored.file, _line(value), "`nodes` must be a list"))
        return []
    nodes = []
    for item in value.value:
        if isinstance(item, yaml.MappingNode):
            nodes.append(_read_node(item, authored, errors))
        else:
            errors.append(
                GraphError(authored.file, _line(item), "a node must be a mapping with id and kind")
            )
    return nodes


def _read_node(
    item: yaml.MappingNode, authored: AuthoredFile, errors: list[GraphError]
) -> AuthoredNode:
    node = AuthoredNode(file=authored.file, line=_line(item))
    for key, value, line in _items(item, authored.file, errors):
        if key in FIELDS:
            node.fields[key] = _text(value, authored.file, key, errors)
            node.lines[key] = line
        else:
            node.targets += _read_targets(key, value, authored.file, errors)
    return node


def _read_targets(
    relation: str, value: yaml.Node, file: str, errors: list[GraphError]
) -> list[Target]:
    items = value.value if isinstance(value, yaml.SequenceNode) else [value]
    targets = []
    for item in items:
        if isinstance(item, yaml.ScalarNode) and item.value.strip():
            targets.append(Target(relation, item.value.strip(), _line(item)))
        else:
            message = f"a target of {relation!r} must be the id of a node"
            errors.append(GraphError(file, _line(item), message))
    return targets


def _items(
    mapping: yaml.MappingNode, file: str, errors: list[GraphError]
) -> list[tuple[str, yaml.Node, int]]:
    """Key, value and line of each entry; a key written twice is an error, not a silent win."""
    seen: dict[str, int] = {}
    items = []
    for key_node, value in mapping.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            errors.append(GraphError(file, line, "a key must be plain text"))
            continue
        key = str(key_node.value)
        if key in seen:
            errors.append(GraphError(file, line, f"{key!r} is already given on line {seen[key]}"))
            continue
        seen[key] = line
        items.append((key, value, line))
    return items


def _text(value: yaml.Node, file: str, key: str, errors: list[GraphError]) -> str:
    if isinstance(value, yaml.ScalarNode):
        return " ".join(str(value.value).split())
    errors.append(GraphError(file, _line(value), f"{key!r} must be text"))
    return ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
