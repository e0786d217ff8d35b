"""What `paygo tickets patterns` and `candidates` show: read from reporting models or a file.

Printing is not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestration.errors import PermanentFailure
from orchestration.tickets.candidates import Loose, group
from orchestration.tickets.classifier import load_model
from orchestration.tickets.files import Ticket, read_tickets
from orchestration.tickets.many import classify_all


class Rows(Protocol):
    """The part of a warehouse that reading needs."""

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run one select and return plain rows."""
        ...


def by_number(keys: str) -> list[str]:
    """Return the ticket keys of a comma-separated list in the order of their numbers."""
    return sorted((k for k in keys.split(",") if k), key=lambda key: (len(key), key))


def pattern_document(warehouse: Rows) -> dict[str, Any]:
    """Return `{"patterns": [...]}` with one row a pattern over the window."""
    rows = warehouse.rows(
        "select pattern_id, category, title, description, detection_rule, first_week, last_week,"
        " evidence_entries, tickets, last_tickets, state, trend_per_week, trend_low, trend_high,"
        " trend_direction from reporting.rpt_patterns order by display_order"
    )
    return {"patterns": rows}


def evidence_document(warehouse: Rows, week: str | None, pattern: str | None) -> dict[str, Any]:
    """Return `{"evidence": [...]}`: pattern, week, tickets and their keys.

    PermanentFailure when the pattern or the week is not known.
    """
    rows = warehouse.rows(
        "select pattern_id, iso_week, tickets, engineering_blocked, state, ticket_keys"
        " from reporting.rpt_pattern_evidence order by pattern_id, week_start_date"
    )
    for name, wanted in (("pattern_id", pattern), ("iso_week", week)):
        known = sorted({row[name] for row in rows})
        if wanted is not None and wanted not in known:
            raise PermanentFailure(
                f"no evidence for {wanted!r}.", todo=f"known: {', '.join(known) or 'none'}."
            )
        rows = [row for row in rows if wanted in (None, row[name])]
    return {"evidence": [{**row, "ticket_keys": by_number(row["ticket_keys"])} for row in rows]}


def candidate_document(warehouse: Rows) -> dict[str, Any]:
    """Return `{"candidates": [...]}`: groups that no pattern catches, largest first."""
    rows = warehouse.rows(
        "select candidate_id, category, terms, tickets, escalated_tickets, first_week, last_week,"
        " ticket_keys from reporting.rpt_ticket_candidates"
        " order by category = 'unclassified', tickets desc, candidate_id"
    )
    return {"candidates": [{**row, "ticket_keys": by_number(row["ticket_keys"])} for row in rows]}


def pattern_counts(path: Path) -> dict[str, Any]:
    """Return `{"patterns": [...]}` with the tickets of a file that carry each pattern."""
    verdicts = _verdicts(path)
    counts = Counter(pattern for _, pattern, _ in verdicts)
    return {
        "patterns": [
            {
                "pattern_id": p.pattern_id,
                "category": p.category,
                "title": p.title,
                "detection_rule": p.detection,
                "tickets": counts[p.pattern_id],
                "ticket_keys": [t.key for t, name, _ in verdicts if name == p.pattern_id],
            }
            for p in load_model().rulebook.patterns
        ]
    }


def candidate_groups(path: Path) -> dict[str, Any]:
    """Return `{"candidates": [...]}` of the tickets of a file that no pattern catches."""
    loose = [
        Loose(t.key, category, t.summary, t.description)
        for t, pattern, category in _verdicts(path)
        if pattern is None
    ]
    return {
        "candidates": [
            {
                "candidate_id": found.candidate_id,
                "category": found.category,
                "terms": ", ".join(found.terms),
                "tickets": len(found.keys),
                "ticket_keys": list(found.keys),
            }
            for found in group(loose)
        ]
    }


def _verdicts(path: Path) -> list[tuple[Ticket, str | None, str]]:
    tickets = read_tickets(path)
    verdicts = classify_all([(t.summary, t.description) for t in tickets])
    return [(t, v.pattern, v.category) for t, v in zip(tickets, verdicts, strict=True)]
