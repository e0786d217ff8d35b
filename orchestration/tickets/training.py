"""Learns small adjustments to the authored votes, offline, and measures them.

Multinomial logistic regression whose weights are pulled towards the rule file's votes
(so that 100 tickets cannot overturn what support staff wrote). numpy only, deterministic.

`python -m orchestration.tickets.training FILE.jsonl [MORE.jsonl ...] [--held HELD.jsonl]` prints
cross-validated figures of the first file (the others only add to the training) together with
those of the held file, which is never trained on; `--write` stores weights.yml with them.
`--apply` instead judges the first file with the stored weights. Patterns are not learned: support
staff add them without training anything.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from orchestration.tickets import words
from orchestration.tickets.classifier import (
    WEIGHTS_FILE,
    WORD_WEIGHT,
    Matrix,
    authored_weights,
    classify,
    load_model,
    softmax,
    vector,
)
from orchestration.tickets.evidence import read
from orchestration.tickets.files import Ticket, read_labelled
from orchestration.tickets.rulebook import CATEGORIES, Rulebook, load_rulebook

PULL = 0.7
"""Strength of the pull towards the authored votes (Gaussian prior precision)."""
_STEPS = 400
_RATE = 0.05
_SMALLEST = 0.02
"""Adjustments below this are not worth a line in the file."""


@dataclass(frozen=True)
class Figures:
    """Quality on tickets not trained on: truth and prediction as category positions."""

    truth: Matrix
    predicted: Matrix
    confidence: Matrix

    @property
    def accuracy(self) -> float:
        """Share of right categories, 0 to 1."""
        return float((self.truth == self.predicted).mean())

    def f1(self, category: int) -> float:
        """F1 of one category; 0 when it was never predicted right."""
        hits = float(((self.truth == category) & (self.predicted == category)).sum())
        named = float((self.truth == category).sum() + (self.predicted == category).sum())
        return 2 * hits / named if named else 0.0

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the categories that occur in the truth."""
        return float(np.mean([self.f1(int(c)) for c in np.unique(self.truth)]))

    def precision_at(self, threshold: float) -> tuple[float, float]:
        """(precision, coverage) of the tickets with at least this confidence."""
        chosen = self.confidence >= threshold
        if not chosen.any():
            return 1.0, 0.0
        right = (self.truth == self.predicted)[chosen]
        return float(right.mean()), float(chosen.mean())

    def counts(self) -> dict[str, dict[str, int]]:
        """Tested, counted and correct tickets a category."""
        return {
            name: {
                "tested": int((self.truth == i).sum()),
                "counted": int((self.predicted == i).sum()),
                "correct": int(((self.truth == i) & (self.predicted == i)).sum()),
            }
            for i, name in enumerate(CATEGORIES)
        }

    def joined(self, other: Figures) -> Figures:
        """Figures of both sets of tickets together."""
        return Figures(
            np.append(self.truth, other.truth),
            np.append(self.predicted, other.predicted),
            np.append(self.confidence, other.confidence),
        )

    def curve(self) -> list[tuple[float, float, float]]:
        """(threshold, precision, coverage) from 0 to 0.95."""
        return [(t / 100, *self.precision_at(t / 100)) for t in range(0, 100, 5)]


def design_matrix(rulebook: Rulebook, tickets: Sequence[Ticket]) -> tuple[Matrix, Matrix]:
    """Return feature values (tickets x features) and the truth as category positions."""
    features, _ = authored_weights(rulebook)
    rows = [vector(tuple(features), read(rulebook, t.summary, t.description)) for t in tickets]
    truth = np.array([CATEGORIES.index(t.category or "unclassified") for t in tickets], float)
    return np.array(rows), truth


def learnable(rulebook: Rulebook) -> Matrix:
    """1 for each feature whose weights may be adjusted, 0 for patterns and the bias."""
    fixed = {pattern.feature for pattern in rulebook.patterns}
    names, _ = authored_weights(rulebook)
    flags = np.array([float(name not in fixed) for name in names])
    flags[-1] = 0.0  # nothing said is unclassified, as authored
    return flags


def fit(
    values: Matrix, truth: Matrix, authored: Matrix, free: Matrix, pull: float = PULL
) -> tuple[float, Matrix]:
    """Return (scale of the votes, adjustments) that explain the labelled tickets best."""
    wanted = np.eye(len(CATEGORIES))[truth.astype(int)]
    scale, adjustment = 1.0, np.zeros_like(authored)
    first, second = np.zeros(authored.size + 1), np.zeros(authored.size + 1)
    for step in range(1, _STEPS + 1):
        error = softmax(values @ (scale * authored + adjustment)) - wanted
        slope = values.T @ error
        slope *= free[:, None]
        by_scale = float((slope * authored).sum()) + 20.0 * (scale - 1.0)
        gradient = np.append((slope + pull * adjustment).ravel(), by_scale)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        move = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        adjustment = adjustment - _RATE * move[:-1].reshape(authored.shape)
        scale = max(0.2, scale - _RATE * float(move[-1]))
    return scale, adjustment


def cross_validate(
    tickets: Sequence[Ticket], more: Sequence[Ticket] = (), folds: int = 5, pull: float = PULL
) -> Figures:
    """Return figures where each ticket is judged by weights that never saw it.

    Ticket i belongs to fold `rank of its key within its category` modulo `folds`; `more`
    belongs to every training part and to no tested one.
    """
    rulebook = load_rulebook()
    _, authored = authored_weights(rulebook)
    free = learnable(rulebook)
    everything = [*tickets, *more]
    values, truth = design_matrix(rulebook, everything)
    fold = np.append(_folds(tickets, folds), np.full(len(more), -1.0))
    predicted, confidence = np.zeros_like(truth), np.zeros_like(truth)
    for number in range(folds):
        held = fold == number
        scale, adjustment = fit(values[~held], truth[~held], authored, free, pull)
        taught = [everything[i] for i in np.flatnonzero(~held)]
        asked = [everything[i] for i in np.flatnonzero(held)]
        chances = softmax(values[held] @ (scale * authored + adjustment) + opinions(taught, asked))
        predicted[held], confidence[held] = chances.argmax(axis=1), chances.max(axis=1)
    tested = fold >= 0
    return Figures(truth[tested], predicted[tested], confidence[tested])


def word_model(tickets: Sequence[Ticket]) -> words.WordModel:
    """Return the second opinion as learned from labelled tickets."""
    texts = [(t.summary, t.description) for t in tickets]
    return words.learn(texts, [CATEGORIES.index(t.category or "unclassified") for t in tickets])


def opinions(taught: Sequence[Ticket], asked: Sequence[Ticket]) -> Matrix:
    """Return the weighted second opinion on the asked tickets, one row each."""
    model = word_model(taught)
    return WORD_WEIGHT * np.array([model.scores(t.summary, t.description) for t in asked])


def judge_held(tickets: Sequence[Ticket], held: Sequence[Ticket], pull: float = PULL) -> Figures:
    """Return figures of the held tickets under weights learned from the others."""
    rulebook = load_rulebook()
    _, authored = authored_weights(rulebook)
    values, truth = design_matrix(rulebook, tickets)
    scale, adjustment = fit(values, truth, authored, learnable(rulebook), pull)
    held_values, held_truth = design_matrix(rulebook, held)
    chances = softmax(held_values @ (scale * authored + adjustment) + opinions(tickets, held))
    return Figures(held_truth, chances.argmax(axis=1).astype(float), chances.max(axis=1))


def apply_stored(tickets: Sequence[Ticket]) -> Figures:
    """Return figures of labelled tickets under the stored weights."""
    model = load_model()
    verdicts = [classify(model, t.summary, t.description) for t in tickets]
    return Figures(
        np.array([CATEGORIES.index(t.category or "unclassified") for t in tickets], float),
        np.array([CATEGORIES.index(v.category) for v in verdicts], float),
        np.array([v.confidence for v in verdicts]),
    )


def _folds(tickets: Sequence[Ticket], folds: int) -> Matrix:
    seen: dict[str | None, int] = {}
    result = np.zeros(len(tickets))
    for index in sorted(range(len(tickets)), key=lambda i: tickets[i].key):
        category = tickets[index].category
        result[index] = seen.get(category, 0) % folds
        seen[category] = seen.get(category, 0) + 1
    return result


def write_weights(tickets: Sequence[Ticket], measured: Figures, path: Path = WEIGHTS_FILE) -> None:
    """Fit on all tickets; store scale, adjustments (3 places) and the cross-validated figures."""
    rulebook = load_rulebook()
    features, authored = authored_weights(rulebook)
    values, truth = design_matrix(rulebook, tickets)
    scale, adjustment = fit(values, truth, authored, learnable(rulebook))
    rows = {
        name: {
            category: round(float(value), 3)
            for category, value in zip(CATEGORIES, row, strict=True)
            if abs(value) >= _SMALLEST
        }
        for name, row in zip(features, adjustment, strict=True)
    }
    content = {
        "measured": {
            "tickets": len(measured.truth),
            "macro_f1": round(measured.macro_f1, 3),
            "accuracy_percent": round(100 * measured.accuracy, 1),
            "categories": measured.counts(),
            "curve": [
                dict(zip(("threshold", "precision", "coverage"), map(_rounded, point), strict=True))
                for point in measured.curve()
            ],
        },
        "scale": round(scale, 4),
        "adjustments": {name: row for name, row in rows.items() if row},
    }
    words.write(word_model(tickets))
    head = "# Learned by `python -m orchestration.tickets.training FILES --write`; not by hand.\n"
    path.write_text(head + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _rounded(value: float) -> float:
    return round(value, 3)


def report(figures: Figures) -> str:
    """Return the figures as text: macro-F1, F1 a category, the coverage-precision curve."""
    lines = [f"tickets {len(figures.truth)}  macro-F1 {figures.macro_f1:.3f}"]
    lines[0] += f"  accuracy {figures.accuracy:.3f}"
    lines += [f"  {name:<24} F1 {figures.f1(i):.3f}" for i, name in enumerate(CATEGORIES)]
    lines.append("  threshold  precision  coverage")
    lines += [f"  {t:9.2f}  {p:9.3f}  {c:8.3f}" for t, p, c in figures.curve()]
    return "\n".join(lines)


def training_arguments() -> argparse.ArgumentParser:
    """Return the reader of the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--held", type=Path, help="labelled file that is never trained on")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--apply", action="store_true")
    return parser


def main(arguments: list[str]) -> int:
    """Print the figures of the labelled files; `--write` stores weights learned from them."""
    chosen = training_arguments().parse_args(arguments)
    first, *more = [read_labelled(path) for path in chosen.files]
    if chosen.apply:
        sys.stdout.write(report(apply_stored(first)) + "\n")
        return 0
    added = [ticket for extra in more for ticket in extra]
    figures = cross_validate(first, added)
    sys.stdout.write(f"cross-validated\n{report(figures)}\n")
    if chosen.held:
        held = judge_held([*first, *added], read_labelled(chosen.held))
        sys.stdout.write(f"held out\n{report(held)}\n")
        figures = figures.joined(held)
        sys.stdout.write(f"together\n{report(figures)}\n")
    if chosen.write:
        write_weights([*first, *added], figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
