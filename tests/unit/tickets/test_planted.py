"""Recovering what is planted in the simulated tickets, whose words nothing was trained on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from orchestration.simulation.ticket_texts import SimTicket, generate_tickets
from orchestration.tickets.classifier import Classification, measured_quality
from orchestration.tickets.many import classify_all

FIRST, LAST = datetime(2025, 12, 29, tzinfo=UTC), datetime(2026, 3, 23, tzinfo=UTC)
NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)

Judged = list[tuple[SimTicket, Classification]]


@pytest.fixture(scope="module")
def judged() -> Judged:
    """The default world's tickets of W01 to W12 that reached engineering, with their verdicts."""
    tickets = [
        t
        for t in generate_tickets(1, datetime(2025, 12, 24, tzinfo=UTC), NOW)
        if t.escalated_at and not t.deleted_at and FIRST <= t.escalated_at < LAST
    ]
    verdicts = classify_all([(t.summary, t.description) for t in tickets])
    return list(zip(tickets, verdicts, strict=True))


def test_published_totals_are_recovered_within_the_measured_error(judged: Judged) -> None:
    planted = Counter(t.category for t, _ in judged)
    counted = Counter(v.category for _, v in judged)
    quality = measured_quality()
    assert quality is not None
    assert planted["subscription_lifecycle"] == 228
    assert (planted["payment_block"], planted["invoice_remediation"]) == (92, 90)
    for category, total in planted.items():
        figures = quality["categories"][category]
        right = (figures["correct"] + 1) / (figures["counted"] + 2)
        found = (figures["correct"] + 1) / (figures["tested"] + 2)
        print(f"{category}: planted {total}, counted {counted[category]}")
        assert round(counted[category] * right) <= total <= round(counted[category] / found)


def test_planted_patterns_and_evidence_entries_are_recovered(judged: Judged) -> None:
    planted = {(t.pattern, _week(t)) for t, _ in judged if t.pattern}
    found = {(v.pattern, _week(t)) for t, v in judged if v.pattern}
    print(f"evidence entries: planted {len(planted)}, found {len(found)}")
    assert len(planted) == 204
    assert len({pattern for pattern, _ in found}) == 19
    assert 194 <= len(found) <= 214
    assert len(planted & found) >= 194


def test_engineering_blocked_is_recovered(judged: Judged) -> None:
    right = sum(v.blocked.is_blocked == t.engineering_blocked for t, v in judged)
    assert right / len(judged) >= 0.95
    for category, total in Counter(v.category for _, v in judged).items():
        blocked = sum(v.blocked.is_blocked for _, v in judged if v.category == category)
        share = blocked / total
        if category in ("refund", "unclassified"):
            assert share <= 0.05
        else:
            assert 0.78 <= share <= 1


def test_the_number_of_processes_changes_no_answer(judged: Judged) -> None:
    texts = [(t.summary, t.description) for t, _ in judged[:60]]
    assert classify_all(texts, processes=2) == [verdict for _, verdict in judged[:60]]


def _week(ticket: SimTicket) -> tuple[int, int]:
    assert ticket.escalated_at is not None
    return ticket.escalated_at.isocalendar()[:2]
