"""Classifies landed Jira issues into the stream `tickets.classifications`."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pyarrow as pa

from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.tickets.classifier import Model, classify, load_model

STREAM = "tickets.classifications"
_NEEDED = ("issue_id", "issue_key", "summary", "description_text")


def classify_table(issues: pa.Table) -> pa.Table:
    """Return one row an issue, columns and types as the contract of `tickets.classifications`.

    `issues` needs the columns issue_id, issue_key, summary and description_text (text; the
    description may be null). KeyError names a column that is absent. `content_hash` is the
    SHA-256 of summary and description, `rules_version` that of rules and weights.
    """
    missing = [name for name in _NEEDED if name not in issues.column_names]
    if missing:
        raise KeyError(f"issues lack {', '.join(missing)}; needed: {', '.join(_NEEDED)}")
    model = load_model()
    rows = issues.select(list(_NEEDED)).to_pylist()
    return pa.Table.from_pylist(
        [_row(model, row) for row in rows], schema=landed_schema(table(STREAM))
    )


def _row(model: Model, issue: dict[str, Any]) -> dict[str, Any]:
    summary, description = issue["summary"] or "", issue["description_text"] or ""
    verdict = classify(model, summary, description)
    content = f"{summary}\x00{description}".encode()
    return {
        "issue_id": issue["issue_id"],
        "issue_key": issue["issue_key"],
        "category": verdict.category,
        "rule": verdict.rule,
        "matched_text": verdict.matched,
        "confidence": Decimal(str(verdict.confidence)),
        "is_sure": verdict.is_sure,
        "is_engineering_blocked": verdict.blocked.is_blocked,
        "blocked_reason": verdict.blocked.reason,
        "content_hash": hashlib.sha256(content).hexdigest(),
        "rules_version": model.version,
    }
