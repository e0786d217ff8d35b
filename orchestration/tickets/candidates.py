"""Groups tickets that no pattern catches by their wording, for a person to name.

Offline and deterministic: the same tickets give the same groups in any order. A group says
which terms made it. Catching is done by the patterns; nothing here decides a category.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from orchestration.tickets.evidence import STOP_WORDS
from orchestration.tickets.phrases import fold

SMALLEST = 3
"""Fewer tickets than this are no group: one customer writes twice soon enough."""
ALIKE = 0.3
"""Cosine of two tickets' terms from which they are alike (weights: rare terms count more)."""
_MOST_TERMS = 5
_LONGEST = 2_000
_STEM = 6
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Loose:
    """A ticket that no pattern catches."""

    key: str
    category: str
    summary: str
    description: str


@dataclass(frozen=True)
class Candidate:
    """A group of tickets that say the same; named by the first of them, in order of keys."""

    candidate_id: str
    category: str
    terms: tuple[str, ...]
    keys: tuple[str, ...]


def group(tickets: Iterable[Loose]) -> list[Candidate]:
    """Return the groups of at least `SMALLEST` tickets of one category.

    Largest first; groups of unclassified tickets, which may be no failure at all, come last.
    """
    ordered = sorted(tickets, key=lambda t: _order(t.key))
    by_category: dict[str, list[Loose]] = {}
    for ticket in ordered:
        by_category.setdefault(ticket.category, []).append(ticket)
    found = [c for name in sorted(by_category) for c in _groups(name, by_category[name])]
    return sorted(found, key=_rank)


def _rank(candidate: Candidate) -> tuple[bool, int, tuple[int, str]]:
    is_last = candidate.category == "unclassified"
    return (is_last, -len(candidate.keys), _order(candidate.keys[0]))


def _order(key: str) -> tuple[int, str]:
    return (len(key), key)


def _groups(category: str, tickets: list[Loose]) -> list[Candidate]:
    """Each ticket joins the most alike group that stands, or begins one of its own."""
    words = [_terms(t) for t in tickets]
    spread = Counter(term for one in words for term in one)
    vectors = [_weigh(one, spread, len(tickets)) for one in words]
    leaders: list[int] = []
    members: dict[int, list[int]] = {}
    having: dict[str, list[int]] = {}
    for number, vector in enumerate(vectors):
        chosen = _closest(vector, vectors, having)
        if chosen is None:
            leaders.append(number)
            for term in vector:
                having.setdefault(term, []).append(number)
            chosen = number
        members.setdefault(chosen, []).append(number)
    return [
        Candidate(
            candidate_id=f"candidate-{tickets[leader].key}",
            category=category,
            terms=_shared([vectors[n] for n in members[leader]], words[leader]),
            keys=tuple(tickets[n].key for n in members[leader]),
        )
        for leader in leaders
        if len(members[leader]) >= SMALLEST
    ]


def _closest(
    vector: dict[str, float], vectors: list[dict[str, float]], having: dict[str, list[int]]
) -> int | None:
    """The leader most alike, if alike enough; only those that share a term are compared."""
    likeness: dict[int, float] = {}
    for term, weight in vector.items():
        for leader in having.get(term, ()):
            likeness[leader] = likeness.get(leader, 0.0) + weight * vectors[leader][term]
    if not likeness:
        return None
    best = min(likeness, key=lambda leader: (-round(likeness[leader], 9), leader))
    return best if likeness[best] >= ALIKE else None


def _terms(ticket: Loose) -> dict[str, str]:
    """Stem -> word as first written; stop words, numbers and identifiers are left out."""
    text = fold(f"{ticket.summary}\n{ticket.description[:_LONGEST]}")
    found: dict[str, str] = {}
    for match in _WORD.finditer(text):
        word = match.group()
        if word not in STOP_WORDS:
            found.setdefault(word[:_STEM], word)
    return found


def _weigh(words: dict[str, str], spread: Counter[str], tickets: int) -> dict[str, float]:
    raw = {stem: math.log(1 + tickets / spread[stem]) for stem in words}
    length = math.sqrt(sum(weight * weight for weight in raw.values())) or 1.0
    return {stem: weight / length for stem, weight in raw.items()}


def _shared(vectors: list[dict[str, float]], words: dict[str, str]) -> tuple[str, ...]:
    """The leader's terms that most of the group say, heaviest first."""
    counts = Counter(stem for vector in vectors for stem in vector if stem in words)
    often = [stem for stem, count in counts.items() if 2 * count > len(vectors)]
    weight = {stem: sum(v.get(stem, 0.0) for v in vectors) for stem in often}
    often.sort(key=lambda stem: (-round(weight[stem], 9), stem))
    return tuple(words[stem] for stem in often[:_MOST_TERMS])
