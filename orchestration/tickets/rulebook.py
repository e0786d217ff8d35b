"""The rule file and the pattern file, read: concepts, rules, patterns, thresholds.

What a mistake in them is stands in `linting`. No ticket is read here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import PermanentFailure
from orchestration.tickets.index import PhraseIndex, build_index
from orchestration.tickets.linting import CATEGORIES, LANGUAGES, lint_patterns, lint_rules

__all__ = ["CATEGORIES", "LANGUAGES", "PATTERNS_FILE", "RULES_FILE", "load_rulebook"]

RULES_FILE = Path(__file__).parent / "rules.yml"
PATTERNS_FILE = Path(__file__).parent / "patterns.yml"
_VOTE = 2.0
"""Points with which a pattern speaks for its category unless the file says otherwise."""


@dataclass(frozen=True)
class Concept:
    """Something a ticket can say, with its phrases a language."""

    name: str
    votes: dict[str, float]
    negated_votes: dict[str, float]
    is_negatable: bool
    is_counted: bool
    phrases: dict[str, list[str]]


@dataclass(frozen=True)
class Rule:
    """A combination of concepts."""

    name: str
    all_of: frozenset[str]
    any_of: frozenset[str]
    none_of: frozenset[str]
    votes: dict[str, float]

    def holds(self, said: frozenset[str]) -> bool:
        """True when the concepts `said` satisfy the rule."""
        some = not self.any_of or bool(self.any_of & said)
        return self.all_of <= said and some and not self.none_of & said


@dataclass(frozen=True)
class Pattern:
    """Something tickets of one category say again and again; `rule` detects it."""

    pattern_id: str
    category: str
    title: str
    description: str
    rule: Rule

    @property
    def feature(self) -> str:
        """Name of the feature it counts for."""
        return f"pattern {self.pattern_id}"

    @property
    def detection(self) -> str:
        """The rule in words."""
        parts = [f"says {' and '.join(sorted(self.rule.all_of))}"]
        if self.rule.any_of:
            parts.append(f"and one of {', '.join(sorted(self.rule.any_of))}")
        if self.rule.none_of:
            parts.append(f"but not {' or '.join(sorted(self.rule.none_of))}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Rulebook:
    """Everything in the rule file and the pattern file; `version` is the hash of both texts.

    `concepts` holds the rule file's concepts first (`authored` of them), then the cues of the
    pattern file, which count for nothing but patterns.
    """

    concepts: tuple[Concept, ...]
    authored: int
    patterns: tuple[Pattern, ...]
    indexes: dict[str, PhraseIndex]
    rules: tuple[Rule, ...]
    base_votes: dict[str, float]
    sure_at: float
    version: str

    def features(self) -> list[str]:
        """Names of all features in a stable order: concepts, negations, rules, patterns."""
        mine = self.concepts[: self.authored]
        names = [c.name for c in mine]
        names += [f"not {c.name}" for c in mine if c.is_negatable]
        names += [f"rule {r.name}" for r in self.rules]
        return names + [p.feature for p in self.patterns]

    def votes(self) -> dict[str, dict[str, float]]:
        """Authored votes of each feature."""
        found = {c.name: c.votes for c in self.concepts}
        found |= {f"not {c.name}": c.negated_votes for c in self.concepts if c.is_negatable}
        found |= {f"rule {r.name}": r.votes for r in self.rules}
        return found | {p.feature: p.rule.votes for p in self.patterns}

    @cached_property
    def rules_by_feature(self) -> dict[str, Rule]:
        """Rules and the rules of patterns, by the feature that they make true."""
        rules = {f"rule {rule.name}": rule for rule in self.rules}
        return rules | {pattern.feature: pattern.rule for pattern in self.patterns}


@cache
def load_rulebook(path: Path = RULES_FILE, patterns: Path | None = None) -> Rulebook:
    """Return the checked files; PermanentFailure lists every mistake with its line.

    Without `patterns`, a rule file that is not the shipped one stands alone.
    """
    if patterns is None and path == RULES_FILE:
        patterns = PATTERNS_FILE
    mistakes = lint_rules(path)
    if patterns is not None and not mistakes:
        mistakes = lint_patterns(patterns, path)
    if mistakes:
        files = " and ".join(p.name for p in (path, patterns) if p)
        raise PermanentFailure(
            "\n".join(mistakes),
            tried=f"read the ticket rules {files}",
            todo="Correct the lines named above.",
        )
    texts = [p.read_text("utf-8") for p in (path, patterns) if p]
    contents = [yaml.load(text, Loader=yaml.CSafeLoader) for text in texts]
    content, more = contents[0], contents[1] if patterns else {}
    named = {**content["concepts"], **_cues(more)}
    concepts = tuple(_concept(name, entry) for name, entry in named.items())
    return Rulebook(
        concepts=concepts,
        authored=len(content["concepts"]),
        patterns=tuple(_pattern(entry) for entry in more.get("patterns", [])),
        indexes={
            language: build_index(
                [(n, c.phrases.get(language, [])) for n, c in enumerate(concepts)]
            )
            for language in LANGUAGES
        },
        rules=tuple(_rule(entry) for entry in content.get("rules", [])),
        base_votes=content.get("base_votes", {}),
        sure_at=float(content["sure_at"]),
        version=hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16],
    )


def _cues(content: dict[str, Any]) -> dict[str, Any]:
    """Cues of the file and those that patterns bring along."""
    cues = dict(content.get("cues") or {})
    for entry in content.get("patterns", []):
        cues |= entry.get("cues") or {}
    return cues


def _concept(name: str, entry: dict[str, Any]) -> Concept:
    return Concept(
        name=name,
        votes=entry.get("votes", {}),
        negated_votes=entry.get("negated_votes", {}),
        is_negatable=bool(entry.get("negatable", False)),
        is_counted=bool(entry.get("counted", False)),
        phrases={lang: entry[lang] for lang in LANGUAGES if lang in entry},
    )


def _rule(entry: dict[str, Any]) -> Rule:
    return Rule(
        name=entry["name"],
        all_of=frozenset(entry.get("all", [])),
        any_of=frozenset(entry.get("any", [])),
        none_of=frozenset(entry.get("none", [])),
        votes=entry.get("votes", {}),
    )


def _pattern(entry: dict[str, Any]) -> Pattern:
    votes = {entry["category"]: float(entry.get("vote", _VOTE))}
    return Pattern(
        pattern_id=entry["id"],
        category=entry["category"],
        title=entry["title"],
        description=entry["description"],
        rule=_rule({**entry, "name": entry["id"], "votes": votes}),
    )
