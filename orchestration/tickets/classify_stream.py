"""Classifies landed Jira issues into the streams of `tickets`: classes, patterns, measures."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pyarrow as pa

from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.tickets.candidates import Candidate, Loose, group
from orchestration.tickets.classifier import (
    Classification,
    Model,
    load_model,
    measured_quality,
)
from orchestration.tickets.many import classify_all

STREAM = "tickets.classifications"
_NEEDED = ("issue_id", "issue_key", "summary", "description_text")
NEWEST = 3_000
"""Of the tickets that no pattern catches, so many (the last by key) are grouped."""


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
    verdicts = classify_all([_texts(row) for row in rows])
    candidates = _candidates(rows, verdicts)
    return pa.Table.from_pylist(
        [
            _row(model, row, verdict, candidates.get(row["issue_key"]))
            for row, verdict in zip(rows, verdicts, strict=True)
        ],
        schema=landed_schema(table(STREAM)),
    )


def pattern_table() -> pa.Table:
    """Return the patterns that are looked for, in the order of their file."""
    model = load_model()
    rows = [
        {
            "pattern_id": pattern.pattern_id,
            "category": pattern.category,
            "title": pattern.title,
            "description": pattern.description,
            "detection_rule": pattern.detection,
            "display_order": number,
            "rules_version": model.version,
        }
        for number, pattern in enumerate(model.rulebook.patterns, start=1)
    ]
    return pa.Table.from_pylist(rows, schema=landed_schema(table("tickets.patterns")))


def measure_table() -> pa.Table:
    """Return what was measured of the classifier, one row a category; none when nothing was."""
    version = load_model().version
    quality = measured_quality() or {"categories": {}}
    rows = [
        {
            "category": category,
            "tested_tickets": figures["tested"],
            "counted_tickets": figures["counted"],
            "correct_tickets": figures["correct"],
            "rules_version": version,
        }
        for category, figures in quality["categories"].items()
    ]
    return pa.Table.from_pylist(rows, schema=landed_schema(table("tickets.measures")))


def _texts(issue: dict[str, Any]) -> tuple[str, str]:
    return issue["summary"] or "", issue["description_text"] or ""


def _candidates(rows: list[dict[str, Any]], verdicts: list[Classification]) -> dict[str, Candidate]:
    loose = [
        Loose(row["issue_key"], verdict.category, *_texts(row))
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.pattern is None
    ]
    loose.sort(key=lambda t: (len(t.key), t.key))
    return {key: found for found in group(loose[-NEWEST:]) for key in found.keys}


def _row(
    model: Model, issue: dict[str, Any], verdict: Classification, candidate: Candidate | None
) -> dict[str, Any]:
    content = "\x00".join(_texts(issue)).encode()
    return {
        "issue_id": issue["issue_id"],
        "issue_key": issue["issue_key"],
        "category": verdict.category,
        "rule": verdict.rule,
        "matched_text": verdict.matched,
        "matched_place": verdict.place,
        "matched_offset": verdict.offset,
        "confidence": Decimal(str(verdict.confidence)),
        "is_sure": verdict.is_sure,
        "runner_up": verdict.runner_up,
        "runner_up_confidence": Decimal(str(verdict.runner_up_confidence)),
        "is_engineering_blocked": verdict.blocked.is_blocked,
        "blocked_reason": verdict.blocked.reason,
        "pattern_id": verdict.pattern,
        "pattern_matched_text": " … ".join(cue.text for cue in verdict.cues) or None,
        "candidate_id": candidate.candidate_id if candidate else None,
        "candidate_terms": ", ".join(candidate.terms) if candidate else None,
        "content_hash": hashlib.sha256(content).hexdigest(),
        "rules_version": model.version,
    }
