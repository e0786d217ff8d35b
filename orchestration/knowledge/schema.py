"""The published JSON Schema of graph files, made from the vocabulary: editors complete with it.

`graph.schema.json` beside this file is its output (`python -m orchestration.knowledge.schema`
writes it, a test holds them together). References and circles are checked by `compile.py` only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestration.knowledge.vocabulary import (
    DIRECTIONS,
    DOMAINS,
    INVERSES,
    KIND_OF_FIELD,
    KINDS,
    RELATIONS,
    TEXT_FIELDS,
)

SCHEMA_FILE = Path(__file__).with_name("graph.schema.json")

_SAID = {
    "grounds": "What this node is evidence for.",
    "predicts": "Metrics in which the hypothesis would show.",
    "measures": "What this node measures.",
    "derives_from": "What this node is derived from.",
    "supports": "What this node speaks for without proving it.",
    "contradicts": "What this node speaks against.",
    "enables": "What this node makes possible.",
    "triggers": "What this node sets off.",
    "contains": "What is part of this node.",
    "complicates": "What this node makes harder.",
    "addresses": "What this node deals with.",
    "supersedes": "What this node replaces.",
    "grounded_by": "Evidence for this node: `grounds`, written at its other end.",
    "contradicted_by": "What speaks against this node: `contradicts`, written at its other end.",
}
_FORMS: dict[str, dict[str, Any]] = {
    "id": {"pattern": r"^[a-z]+(\.[a-z0-9][a-z0-9_-]*)+$"},
    "kind": {"enum": sorted(KINDS)},
    "direction": {"enum": sorted(DIRECTIONS)},
    "size": {"pattern": r"^(by \d+(\.\d+)?( %)?|to \d+(\.\d+)?)$"},
    "tolerance": {"type": ["string", "number"]},
    "window_days": {"type": "integer", "minimum": 1, "maximum": 366},
    "is_simulated": {"type": "boolean"},
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one graph file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Knowledge graph of one domain",
        "type": "object",
        "additionalProperties": False,
        "required": ["domain", "nodes"],
        "properties": {
            "domain": {"enum": sorted(DOMAINS), "description": "The file's name without its end."},
            "is_simulated": {"type": "boolean", "description": "true when all of it fills a demo."},
            "nodes": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        },
        "$defs": {"node": _node()},
    }


def _node() -> dict[str, Any]:
    relations = {name: _targets(_SAID[name], ends) for name, (_, ends) in RELATIONS.items()}
    for name, relation in INVERSES.items():
        relations[name] = _targets(_SAID[name], RELATIONS[relation][0])
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "kind", "title"],
        "properties": {
            **{name: _text(name, said) for name, said in TEXT_FIELDS.items()},
            **relations,
        },
        "allOf": [_of_kind(kind) for kind in sorted(KINDS)],
    }


def _text(name: str, said: str) -> dict[str, Any]:
    return {"description": said, **({"type": "string"} | _FORMS.get(name, {}))}


def _targets(said: str, kinds: Iterable[str]) -> dict[str, Any]:
    pattern = rf"^({'|'.join(sorted(kinds))})\."
    return {
        "description": said,
        "type": "array",
        "uniqueItems": True,
        "items": {"type": "string", "pattern": pattern},
    }


def _of_kind(kind: str) -> dict[str, Any]:
    """What a kind may not carry, and what it must."""
    refused = [name for name, kinds in KIND_OF_FIELD.items() if kind not in kinds]
    refused += [name for name, (starts, _) in RELATIONS.items() if kind not in starts]
    refused += [name for name, relation in INVERSES.items() if kind not in RELATIONS[relation][1]]
    needed = {"metric": ["metric"], "claim": ["statement"]}.get(kind, [])
    needed = ["statement"] if kind in {"hypothesis", "question"} else needed
    rule: dict[str, Any] = {"properties": dict.fromkeys(sorted(refused), False)}
    return {
        "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
        "then": rule | ({"required": needed} if needed else {}),
    }


def schema_text() -> str:
    """Return the schema as the published file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
