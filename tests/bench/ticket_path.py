"""Classifying many simulated tickets, no two texts alike, with as many processes as processors."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.simulation.ticket_texts import generate_tickets
from orchestration.tickets.many import classify_all

LIMIT_SECONDS = 60.0
START = datetime(2025, 12, 29, tzinfo=UTC)


def measure(tickets: int) -> list[dict[str, Any]]:
    """Seconds to classify `tickets` texts, rules and weights read first, against a minute."""
    texts = _texts(tickets)
    began = time.perf_counter()
    verdicts = classify_all(texts)
    seconds = time.perf_counter() - began
    assert len(verdicts) == tickets
    return [
        {
            "name": f"classify {tickets:,} tickets",
            "value": seconds,
            "unit": "seconds",
            "against": f"{LIMIT_SECONDS:.0f} s for 100,000 on two cores",
            "ratio": seconds / (LIMIT_SECONDS * tickets / 100_000),
            "limit": 1.0,
            "better": "lower",
        }
    ]


def _texts(wanted: int) -> list[tuple[str, str]]:
    """Texts of worlds of further seeds, until there are enough that differ."""
    texts: dict[tuple[str, str], None] = {}
    seed = 0
    while len(texts) < wanted:
        seed += 1
        for ticket in generate_tickets(seed, START, START + timedelta(weeks=12)):
            texts.setdefault((ticket.summary, f"{ticket.description}\nref {seed}-{ticket.key}"))
    return list(texts)[:wanted]
