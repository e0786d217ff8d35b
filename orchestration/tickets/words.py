"""A second opinion on a ticket from its plain words, learned from labelled tickets.

Logistic regression on the words and word pairs of a text: small, deterministic, offline. It
adds to what the rules say, so that the classifier is sure only where both agree. Each word's
part in a verdict can be shown. What the rules say is not looked at here.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestration.tickets.linting import CATEGORIES
from orchestration.tickets.phrases import fold

WORDS_FILE = Path(__file__).parent / "words.json"
Matrix = NDArray[np.float64]
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")
_STEM = 7
_LONGEST = 20_000
_FEWEST = 2
"""Tickets that must say a word before it is learned."""
_PULL = 0.1
_STEPS = 300
_RATE = 0.1


@dataclass(frozen=True)
class Said:
    """The known words of a text: positions in the model, and where each is said first."""

    terms: NDArray[np.int64]
    places: tuple[tuple[str, bool, int], ...]
    """(as written, in the summary, offset) of each."""
    points: Matrix
    """Words x categories."""

    def total(self) -> Matrix:
        """Return the points of each category."""
        result: Matrix = self.points.sum(axis=0)
        return result

    def heaviest(self, category: int) -> tuple[str, bool, int] | None:
        """The word that speaks most for a category, None when none does."""
        if not self.places:
            return None
        best = int(self.points[:, category].argmax())
        return self.places[best] if self.points[best, category] > 0 else None


@dataclass(frozen=True)
class WordModel:
    """Positions of the known words, their rarity, and weights (words x categories)."""

    place: dict[str, int]
    rarity: Matrix
    weights: Matrix

    def hear(self, summary: str, description: str) -> Said:
        """Return the known words of a ticket, each once, with their points."""
        found: dict[int, tuple[str, bool, int]] = {}
        place = self.place.get
        for text, is_summary in ((description[:_LONGEST], False), (summary, True)):
            for term, begin, end in _terms(text):
                known = place(term)
                if known is not None and known not in found:
                    found[known] = (text[begin:end], is_summary, begin)
        terms = np.fromiter(found, dtype=np.int64, count=len(found))
        rarity = self.rarity[terms]
        length = math.sqrt(float(rarity @ rarity)) or 1.0
        return Said(
            terms, tuple(found.values()), self.weights[terms] * (rarity / length)[:, np.newaxis]
        )

    def scores(self, summary: str, description: str) -> Matrix:
        """Return the points of each category."""
        return self.hear(summary, description).total()


def _terms(text: str) -> Iterator[tuple[str, int, int]]:
    """Words and pairs of neighbours, as stems: (term, begin and end of the last word)."""
    before = ""
    for match in _WORD.finditer(fold(text)):
        word = match.group()
        begin, end = match.span()
        stem = "0" if word.isdigit() else word[:_STEM]
        yield stem, begin, end
        if before:
            yield f"{before} {stem}", begin, end
        before = stem


def learn(texts: Sequence[tuple[str, str]], truth: Sequence[int]) -> WordModel:
    """Return the model of labelled (summary, description) pairs; `truth` are positions."""
    spoken = [
        {term for part in (summary, description[:_LONGEST]) for term, *_ in _terms(part)}
        for summary, description in texts
    ]
    counts = Counter(term for terms in spoken for term in terms)
    known = sorted(term for term, count in counts.items() if count >= _FEWEST)
    place = {term: n for n, term in enumerate(known)}
    rarity = np.array([math.log(1 + len(texts) / counts[term]) for term in known])
    values = np.zeros((len(texts), len(known)))
    for row, terms in enumerate(spoken):
        chosen = sorted(place[term] for term in terms if term in place)
        values[row, chosen] = rarity[chosen]
        values[row] /= np.linalg.norm(values[row]) or 1.0
    weights = _fit(values, np.eye(len(CATEGORIES))[np.asarray(truth, dtype=int)])
    return WordModel(place, np.round(rarity, 3), np.round(weights, 2))


def _fit(values: Matrix, wanted: Matrix) -> Matrix:
    weights = np.zeros((values.shape[1], wanted.shape[1]))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, _STEPS + 1):
        scores = values @ weights
        chances = np.exp(scores - scores.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = values.T @ (chances - wanted) + _PULL * weights
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weights -= _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights


def write(model: WordModel, path: Path = WORDS_FILE) -> None:
    """Store the model: one line a word, rarity and then hundredths of points a category."""
    rows = {
        term: [float(model.rarity[n]), *_hundredths(model.weights[n])]
        for term, n in model.place.items()
    }
    lines = [f"{json.dumps(term)}: {json.dumps(row)}" for term, row in rows.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _hundredths(weights: Matrix) -> list[int]:
    return [round(100 * float(weight)) for weight in weights]


@cache
def load_words(path: Path = WORDS_FILE) -> WordModel:
    """Return the stored model."""
    entries = json.loads(path.read_text("utf-8"))
    table = np.array(list(entries.values()), dtype=np.float64)
    return WordModel({term: n for n, term in enumerate(entries)}, table[:, 0], table[:, 1:] / 100)
