"""Classifies a file of tickets for `paygo tickets classify`. Tables are classified elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestration.tickets.classifier import Classification
from orchestration.tickets.files import read_tickets
from orchestration.tickets.many import classify_all


def classify_file(path: Path | str) -> dict[str, Any]:
    """Return `{"tickets": [...]}` with one verdict a line of a JSON-lines file, in its order.

    Each line needs `key`, `summary` and `description` (null allowed); a category in the file
    is ignored. Raises PermanentFailure naming file, row and field of a bad line.
    """
    tickets = read_tickets(Path(path))
    verdicts = classify_all([(t.summary, t.description) for t in tickets])
    return {"tickets": [_row(t.key, v) for t, v in zip(tickets, verdicts, strict=True)]}


def _row(key: str, verdict: Classification) -> dict[str, Any]:
    return {
        "key": key,
        "category": verdict.category,
        "confidence": verdict.confidence,
        "sure": verdict.is_sure,
        "rule": verdict.rule,
        "matched": verdict.matched,
        "engineering_blocked": verdict.blocked.is_blocked,
        "runner_up": verdict.runner_up,
        "runner_up_confidence": verdict.runner_up_confidence,
        "place": verdict.place,
        "offset": verdict.offset,
        "engineering_blocked_reason": verdict.blocked.reason,
        "reasons": list(verdict.reasons),
        "pattern": verdict.pattern,
        "pattern_matched": [
            {"cue": cue.concept, "text": cue.text, "place": cue.place, "offset": cue.offset}
            for cue in verdict.cues
        ],
    }
