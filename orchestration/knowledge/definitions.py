"""What a claim rests on, as one hash: its own words and those of everything behind it.

A certificate names this hash; when a definition changes anywhere behind a claim, the
claim's hash changes and the certificate no longer fits. Nothing here knows a warehouse.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from orchestration.workspace import DBT_PROJECT

_COMMENT = re.compile(r"--[^\n]*")
_DEFINING = ("definition", "unit", "streams", "value_kind", "history")


@lru_cache(maxsize=8)
def metric_definitions(project: Path = DBT_PROJECT) -> Mapping[str, str]:
    """Return a hash of what each metric of the catalogue means: definition, unit, SQL."""
    found = {}
    with (project / "seeds" / "metric_catalogue.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            model = project / "models" / "metrics" / f"metric_{row['metric_id']}.sql"
            text = model.read_text(encoding="utf-8") if model.exists() else ""
            words = " ".join(_COMMENT.sub("", text).split())
            found[row["metric_id"]] = digest([*(row[c] for c in _DEFINING), words])
    return found


def digest(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def evidence_hashes(
    own: Mapping[str, str], upstream: Mapping[str, Iterable[str]], order: Iterable[str]
) -> dict[str, str]:
    """Return 16 hex digits a node over its own hash and those of all it rests on.

    `upstream`: node → the nodes it directly rests on; `order`: those before it.
    """
    found: dict[str, str] = {}
    for node in order:
        below = sorted(found[name] for name in upstream.get(node, ()))
        found[node] = hashlib.sha256("|".join([own[node], *below]).encode()).hexdigest()[:16]
    return found
