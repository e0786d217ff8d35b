"""The rule file, read and checked: concepts, rules, thresholds. No ticket is read here.

`python -m orchestration.tickets.rulebook [FILE]` checks a file and names file and line of
every mistake.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import PermanentFailure
from orchestration.tickets.index import PhraseIndex, build_index
from orchestration.tickets.phrases import PhraseError, translate

CATEGORIES = (
    "subscription_lifecycle",
    "payment_block",
    "invoice_remediation",
    "bad_debt",
    "entitlement_drift",
    "duplicate_charge",
    "refund",
    "provisioning",
    "address_checkout",
    "unclassified",
)
LANGUAGES = ("en", "de", "es", "pt", "fr")
RULES_FILE = Path(__file__).parent / "rules.yml"
_TOP = {"concepts", "rules", "sure_at", "base_votes"}
_CONCEPT = {"votes", "negated_votes", "negatable", "counted", *LANGUAGES}
_RULE = {"name", "all", "any", "none", "votes"}


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
class Rulebook:
    """Everything in a rule file; `version` is the hash of its text."""

    concepts: tuple[Concept, ...]
    indexes: dict[str, PhraseIndex]
    rules: tuple[Rule, ...]
    base_votes: dict[str, float]
    sure_at: float
    version: str

    def features(self) -> list[str]:
        """Names of all features in a stable order: concepts, their negations, rules."""
        names = [c.name for c in self.concepts]
        names += [f"not {c.name}" for c in self.concepts if c.is_negatable]
        return names + [f"rule {r.name}" for r in self.rules]

    def votes(self) -> dict[str, dict[str, float]]:
        """Authored votes of each feature."""
        found = {c.name: c.votes for c in self.concepts}
        found |= {f"not {c.name}": c.negated_votes for c in self.concepts if c.is_negatable}
        return found | {f"rule {r.name}": r.votes for r in self.rules}


@cache
def load_rulebook(path: Path = RULES_FILE) -> Rulebook:
    """Return the checked rule file; PermanentFailure lists every mistake with its line."""
    mistakes = lint(path)
    if mistakes:
        raise PermanentFailure(
            "\n".join(mistakes),
            tried=f"read the ticket rules {path.name}",
            todo="Correct the lines named above.",
        )
    text = path.read_text("utf-8")
    content = yaml.load(text, Loader=yaml.CSafeLoader)
    concepts = tuple(_concept(name, entry) for name, entry in content["concepts"].items())
    return Rulebook(
        concepts=concepts,
        indexes={
            language: build_index(
                [(n, c.phrases.get(language, [])) for n, c in enumerate(concepts)]
            )
            for language in LANGUAGES
        },
        rules=tuple(_rule(entry) for entry in content.get("rules", [])),
        base_votes=content.get("base_votes", {}),
        sure_at=float(content["sure_at"]),
        version=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


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


def lint(path: Path) -> list[str]:
    """Return one `file:line: what is wrong` for every mistake in a rule file, in line order."""
    try:
        root = yaml.compose(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        return [f"{path.name}:{line}: not valid YAML: {problem.problem}"]
    if not isinstance(root, yaml.MappingNode):
        return [f"{path.name}:1: the file must be a mapping with: {', '.join(sorted(_TOP))}"]
    found = _Linter(path.name)
    found.check(root)
    return [text for _, text in sorted(found.mistakes)]


class _Linter:
    """Walks the YAML nodes, which know their lines."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._said: set[str] = set()
        self.mistakes: list[tuple[int, str]] = []

    def _say(self, node: yaml.Node, what: str) -> None:
        line = node.start_mark.line + 1
        self.mistakes.append((line, f"{self._file}:{line}: {what}"))

    def _entries(
        self, node: yaml.Node, allowed: set[str] | None, where: str
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._say(node, f"{where} must be a mapping")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value in found:
                self._say(key, f"{key.value!r} stands twice in {where}")
            if allowed is not None and key.value not in allowed:
                known = ", ".join(sorted(allowed))
                self._say(key, f"unknown {key.value!r} in {where}; known: {known}")
            found[key.value] = value
        return found

    def check(self, root: yaml.MappingNode) -> None:
        top = self._entries(root, _TOP, "the file")
        for name in sorted({"concepts", "sure_at"} - set(top)):
            self._say(root, f"{name!r} is missing")
        concepts = self._entries(top["concepts"], None, "concepts") if "concepts" in top else {}
        for name, node in concepts.items():
            self._check_concept(name, node)
        rules = top.get("rules")
        for entry in rules.value if isinstance(rules, yaml.SequenceNode) else []:
            self._check_rule(entry)
        if "base_votes" in top:
            self._check_votes(top["base_votes"], "base_votes")
        if "sure_at" in top:
            self._check_share(top["sure_at"])

    def _check_concept(self, name: str, node: yaml.Node) -> None:
        entries = self._entries(node, _CONCEPT, f"concept {name!r}")
        self._said.add(name)
        negatable = entries.get("negatable")
        if negatable is not None and negatable.value == "true":
            self._said.add(f"not {name}")
        for key in ("votes", "negated_votes"):
            if key in entries:
                self._check_votes(entries[key], f"{key} of {name!r}")
        if not set(entries) & set(LANGUAGES):
            self._say(node, f"concept {name!r} has no phrase in any language")
        for language in LANGUAGES:
            if language in entries:
                self._check_phrases(entries[language], f"{language} of {name!r}")

    def _check_phrases(self, node: yaml.Node, where: str) -> None:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._say(node, f"{where} must be a list of phrases")
            return
        for item in node.value:
            try:
                translate(str(item.value))
            except PhraseError as problem:
                self._say(item, f"phrase {item.value!r} in {where}: {problem}")

    def _check_rule(self, node: yaml.Node) -> None:
        entries = self._entries(node, _RULE, "rule")
        for key in ("name", "all", "votes"):
            if key not in entries:
                self._say(node, f"the rule has no {key!r}")
        name = str(entries["name"].value) if "name" in entries else "?"
        for key in ("all", "any", "none"):
            listed = entries.get(key)
            for item in listed.value if isinstance(listed, yaml.SequenceNode) else []:
                if item.value not in self._said:
                    self._say(item, f"rule {name!r} asks for unknown concept {item.value!r}")
        if "votes" in entries:
            self._check_votes(entries["votes"], f"votes of rule {name!r}")

    def _check_votes(self, node: yaml.Node, where: str) -> None:
        for category, value in self._entries(node, set(CATEGORIES), where).items():
            if not re.fullmatch(r"-?\d+(\.\d+)?", str(value.value)):
                self._say(value, f"{where}: {category} needs a number, not {value.value!r}")

    def _check_share(self, node: yaml.Node) -> None:
        if not re.fullmatch(r"0?\.\d+|1(\.0+)?", str(node.value)):
            self._say(node, f"sure_at must lie between 0 and 1, not {node.value!r}")


def main(arguments: list[str]) -> int:
    """Check the named file, or the shipped one; 1 when there are mistakes."""
    path = Path(arguments[0]) if arguments else RULES_FILE
    mistakes = lint(path)
    sys.stdout.write("\n".join(mistakes or [f"{path.name}: no mistake found"]) + "\n")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
