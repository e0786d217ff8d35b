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
    """One known word of a text, as written, with its place and its points a category."""

    text: str
    is_summary: bool
    offset: int
    points: Matrix


@dataclass(frozen=True)
class WordModel:
    """Weights a word (rarity first, then one a category)."""

    rarity: dict[str, float]
    weights: dict[str, Matrix]

    def hear(self, summary: str, description: str) -> list[Said]:
        """Return the known words of a ticket, each once, with their points."""
        found: dict[str, tuple[str, bool, int]] = {}
        for term, text, is_summary, offset in _terms(summary, description):
            if term in self.rarity and term not in found:
                found[term] = (text, is_summary, offset)
        length = math.sqrt(sum(self.rarity[term] ** 2 for term in found)) or 1.0
        return [
            Said(*place, self.weights[term] * (self.rarity[term] / length))
            for term, place in found.items()
        ]

    def scores(self, summary: str, description: str) -> Matrix:
        """Return the points of each category."""
        return total(self.hear(summary, description))


def total(said: Sequence[Said]) -> Matrix:
    """Return the sum of the words' points, one number a category."""
    result: Matrix = np.zeros(len(CATEGORIES))
    for word in said:
        result = result + word.points
    return result


def _terms(summary: str, description: str) -> Iterator[tuple[str, str, bool, int]]:
    """Words and pairs of neighbours: (stem, as written, in the summary, offset)."""
    for text, is_summary in ((description[:_LONGEST], False), (summary, True)):
        before = ""
        for match in _WORD.finditer(fold(text)):
            stem = "0" if match.group().isdigit() else match.group()[:_STEM]
            written = text[match.start() : match.end()]
            yield stem, written, is_summary, match.start()
            if before:
                yield f"{before} {stem}", written, is_summary, match.start()
            before = stem


def learn(texts: Sequence[tuple[str, str]], truth: Sequence[int]) -> WordModel:
    """Return the model of labelled (summary, description) pairs; `truth` are positions."""
    spoken = [{term for term, *_ in _terms(*text)} for text in texts]
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
    return WordModel(
        rarity={term: round(float(rarity[n]), 3) for term, n in place.items()},
        weights={term: np.round(weights[n], 2) for term, n in place.items()},
    )


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
    lines = [
        f"{json.dumps(term)}: {json.dumps([rarity, *hundredths(model.weights[term])])}"
        for term, rarity in model.rarity.items()
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def hundredths(weights: Matrix) -> list[int]:
    """Return the weights as whole hundredths."""
    return [round(100 * float(weight)) for weight in weights]


@cache
def load_words(path: Path = WORDS_FILE) -> WordModel:
    """Return the stored model."""
    entries = json.loads(path.read_text("utf-8"))
    return WordModel(
        rarity={term: float(entry[0]) for term, entry in entries.items()},
        weights={term: np.array(entry[1:]) / 100 for term, entry in entries.items()},
    )
