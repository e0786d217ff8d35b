"""Weighs what a ticket says into one category, and says what decided.

The weight of a feature for a category is the rule file's vote plus what was learned
from labelled tickets (weights.yml); the plain words of the text are a second opinion
(`words`). Reading texts and files is done elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from orchestration.errors import PermanentFailure
from orchestration.tickets.blocked import BlockedVerdict, judge_blocked
from orchestration.tickets.evidence import Evidence, Match, read
from orchestration.tickets.rulebook import (
    CATEGORIES,
    RULES_FILE,
    Pattern,
    Rulebook,
    load_rulebook,
)
from orchestration.tickets.words import WORDS_FILE, Said, WordModel, load_words

WEIGHTS_FILE = Path(__file__).parent / "weights.yml"
LEARN = (
    ".venv/bin/python -m orchestration.tickets.training tests/fixtures/tickets_labelled.jsonl "
    "tests/fixtures/tickets_development.jsonl --held tests/fixtures/tickets_heldout.jsonl --write"
)
"""What learns the weights anew, from the project's folder."""
BIAS = "base"
WORDS = "words"
WORD_WEIGHT = 2.5
"""Weight of the second opinion: at this one, more of the sure verdicts are right and no fewer
of all (tickets held out, 2026-11-22)."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Classification:
    """One verdict; `confidence` is the winner's probability, `offset` counts characters from 0.

    `rule` names the strongest reason for the category, `matched` its words (None when
    nothing spoke for it), `place` the field they stand in.
    """

    category: str
    confidence: float
    is_sure: bool
    rule: str | None
    matched: str | None
    place: str | None
    offset: int | None
    runner_up: str
    runner_up_confidence: float
    blocked: BlockedVerdict
    reasons: tuple[str, ...]
    pattern: str | None
    cues: tuple[Match, ...]
    """What was said that makes the pattern, one match a cue."""


@dataclass(frozen=True)
class Model:
    """Rules with weights: `weights` is features x categories, in the order of both lists."""

    rulebook: Rulebook
    features: tuple[str, ...]
    weights: Matrix
    words: WordModel
    version: str


def authored_weights(rulebook: Rulebook) -> tuple[list[str], Matrix]:
    """Return (features, weights) as the rule file alone says; the last feature is the bias."""
    features = [*rulebook.features(), BIAS]
    votes = {**rulebook.votes(), BIAS: rulebook.base_votes}
    rows = [[votes[name].get(category, 0.0) for category in CATEGORIES] for name in features]
    return features, np.array(rows, dtype=np.float64)


@cache
def load_model(weights_path: Path = WEIGHTS_FILE, patterns: Path | None = None) -> Model:
    """Return rules and learned weights; PermanentFailure when the two don't fit together.

    `patterns` takes the place of the shipped pattern file.
    """
    rulebook = load_rulebook(RULES_FILE, patterns) if patterns else load_rulebook()
    features, weights = authored_weights(rulebook)
    text = weights_path.read_text("utf-8")
    learned = yaml.load(text, Loader=yaml.CSafeLoader)
    unknown = sorted(set(learned["adjustments"]) - set(features))
    if unknown:
        raise PermanentFailure(
            f"{weights_path.name} weighs {', '.join(unknown)}, which rules.yml does not have.",
            tried="load the ticket classifier",
            todo=f"learn them again after changing rules: `{LEARN}`.",
        )
    weights = weights * float(learned["scale"])
    for name, row in learned["adjustments"].items():
        for category, value in row.items():
            weights[features.index(name), CATEGORIES.index(category)] += value
    learned_texts = rulebook.version + text + WORDS_FILE.read_text("utf-8")
    version = hashlib.sha256(learned_texts.encode()).hexdigest()[:16]
    return Model(rulebook, tuple(features), weights, load_words(), version)


def measured_quality(weights_path: Path = WEIGHTS_FILE) -> dict[str, Any] | None:
    """Return the cross-validated figures stored with the weights, None when there are none.

    tickets (count), macro_f1 (0 to 1), accuracy_percent (0 to 100).
    """
    learned = yaml.load(weights_path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    found: dict[str, Any] | None = learned.get("measured")
    return found


def vector(features: tuple[str, ...], evidence: Evidence) -> Matrix:
    """Return the feature values in order; the bias is 1."""
    place = _places(features)
    values = np.zeros(len(features))
    for name, value in evidence.values.items():
        if name in place:
            values[place[name]] = value
    values[-1] = 1.0
    return values


@cache
def _places(features: tuple[str, ...]) -> dict[str, int]:
    return {name: number for number, name in enumerate(features)}


def softmax(scores: Matrix) -> Matrix:
    """Return probabilities along the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Matrix = raised / raised.sum(axis=-1, keepdims=True)
    return result


def classify(model: Model, summary: str, description: str) -> Classification:
    """Return the verdict on one ticket."""
    evidence = read(model.rulebook, summary, description)
    values = vector(model.features, evidence)
    said = model.words.hear(summary, description)
    opinion = WORD_WEIGHT * said.total()
    probabilities = softmax(values @ model.weights + opinion)
    order = np.argsort(-probabilities, kind="stable")
    winner, second = int(order[0]), int(order[1])
    points = np.append(values * model.weights[:, winner], opinion[winner])
    names = (*model.features, WORDS)
    reasons = tuple(names[int(i)] for i in np.argsort(-points, kind="stable") if points[i] > 0)
    match = _shown_match(model.rulebook, evidence, reasons, _heaviest(said, winner))
    confidence = float(probabilities[winner])
    pattern = find_pattern(model.rulebook, CATEGORIES[winner], evidence)
    return Classification(
        category=CATEGORIES[winner],
        confidence=round(confidence, 4),
        is_sure=confidence >= model.rulebook.sure_at,
        rule=reasons[0] if reasons else None,
        matched=match.text if match else None,
        place=match.place if match else None,
        offset=match.offset if match else None,
        runner_up=CATEGORIES[second],
        runner_up_confidence=round(float(probabilities[second]), 4),
        blocked=judge_blocked(CATEGORIES[winner], evidence),
        reasons=reasons,
        pattern=pattern.pattern_id if pattern else None,
        cues=_cues(pattern, evidence) if pattern else (),
    )


def find_pattern(rulebook: Rulebook, category: str, evidence: Evidence) -> Pattern | None:
    """Return the pattern of this category that holds; of several the most demanding, then first."""
    held = [p for p in rulebook.patterns if p.category == category and p.feature in evidence.values]
    return max(held, key=lambda p: len(p.rule.all_of), default=None)


def _cues(pattern: Pattern, evidence: Evidence) -> tuple[Match, ...]:
    said = sorted(pattern.rule.all_of) + sorted(pattern.rule.any_of)
    return tuple(match for name in said if (match := evidence.first(name)))


def _heaviest(said: Said, category: int) -> Match | None:
    """The plain word that speaks most for the category."""
    word = said.heaviest(category)
    if word is None:
        return None
    text, is_summary, offset = word
    return Match(WORDS, False, text, "summary" if is_summary else "description", offset)


def _shown_match(
    rulebook: Rulebook, evidence: Evidence, reasons: tuple[str, ...], word: Match | None
) -> Match | None:
    """The words that stand for the verdict: those of the strongest reason that has any."""
    rules = rulebook.rules_by_feature
    for reason in reasons:
        if reason == WORDS and word is not None:
            return word
        parts = sorted(rules[reason].all_of) if reason in rules else [reason]
        for part in parts:
            match = evidence.first(part)
            if match:
                return match
    return None
