"""What is wrong with a rule file or a pattern file, with file and line of every mistake.

Walks the YAML nodes, which know their lines; what the entries mean is `rulebook`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

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
_TOP = {"concepts", "rules", "sure_at", "base_votes"}
_CONCEPT = {"votes", "negated_votes", "negatable", "counted", *LANGUAGES}
_RULE = {"name", "all", "any", "none", "votes"}
_PATTERN_TOP = {"cues", "patterns"}
_CUE = {"negatable", *LANGUAGES}
_PATTERN = {"id", "category", "title", "description", "cues", "all", "any", "none", "vote"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def lint_rules(path: Path) -> list[str]:
    """Return one `file:line: what is wrong` for every mistake in a rule file, in line order."""
    root, said = _root(path)
    if root is None:
        return said
    found = _Linter(path.name)
    found.check_rules(root)
    return found.sorted()


def lint_patterns(path: Path, rules: Path) -> list[str]:
    """Return the mistakes of a pattern file; its rules may ask for concepts of `rules`."""
    root, said = _root(path)
    if root is None:
        return said
    found = _Linter(path.name, _names_of(rules))
    found.check_patterns(root)
    return found.sorted()


def is_pattern_file(path: Path) -> bool:
    """True when the file declares patterns; a file that cannot be read is none."""
    root, _ = _root(path)
    return root is not None and any(key.value in _PATTERN_TOP for key, _ in root.value)


def _root(path: Path) -> tuple[yaml.MappingNode | None, list[str]]:
    try:
        root = yaml.compose(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as problem:
        return None, [f"{path.name}:1: cannot be read: {problem}"]
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        return None, [f"{path.name}:{line}: not valid YAML: {problem.problem}"]
    if not isinstance(root, yaml.MappingNode):
        known = ", ".join(sorted(_TOP))
        return None, [f"{path.name}:1: the file must be a mapping with: {known}"]
    return root, []


def _names_of(rules: Path) -> set[str]:
    """Concepts of a rule file that has been checked, negations included."""
    content = yaml.load(rules.read_text("utf-8"), Loader=yaml.CSafeLoader)
    concepts = content["concepts"]
    return set(concepts) | {f"not {n}" for n, entry in concepts.items() if entry.get("negatable")}


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


class _Linter:
    def __init__(self, file: str, known: Iterable[str] = ()) -> None:
        self._file = file
        self._said: set[str] = set(known)
        self.mistakes: list[tuple[int, str]] = []

    def sorted(self) -> list[str]:
        return [text for _, text in sorted(self.mistakes)]

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

    def check_rules(self, root: yaml.MappingNode) -> None:
        top = self._entries(root, _TOP, "the file")
        for name in sorted({"concepts", "sure_at"} - set(top)):
            self._say(root, f"{name!r} is missing")
        concepts = self._entries(top["concepts"], None, "concepts") if "concepts" in top else {}
        for name, node in concepts.items():
            self._check_concept(name, node, _CONCEPT)
        for entry in _items(top.get("rules")):
            self._check_rule(entry)
        if "base_votes" in top:
            self._check_votes(top["base_votes"], "base_votes")
        if "sure_at" in top:
            self._check_share(top["sure_at"])

    def check_patterns(self, root: yaml.MappingNode) -> None:
        top = self._entries(root, _PATTERN_TOP, "the file")
        if "patterns" not in top:
            self._say(root, "'patterns' is missing")
        self._check_cues(top.get("cues"))
        for entry in _items(top.get("patterns")):
            for key, value in entry.value if isinstance(entry, yaml.MappingNode) else []:
                if key.value == "cues":
                    self._check_cues(value)
        ids: dict[str, int] = {}
        for entry in _items(top.get("patterns")):
            self._check_pattern(entry, ids)

    def _check_cues(self, node: yaml.Node | None) -> None:
        cues = self._entries(node, None, "cues") if node is not None else {}
        for name, entry in cues.items():
            if name in self._said:
                self._say(entry, f"{name!r} is a concept of the rule file or a cue already")
            self._check_concept(name, entry, _CUE)

    def _check_pattern(self, node: yaml.Node, ids: dict[str, int]) -> None:
        entries = self._entries(node, _PATTERN, "pattern")
        for key in ("id", "category", "title", "description", "all"):
            if key not in entries or not entries[key].value:
                self._say(node, f"the pattern has no {key!r}")
        name = str(entries["id"].value) if "id" in entries else "?"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            self._say(node, f"id {name!r} must be lower-case letters, digits and _")
        if name in ids:
            self._say(node, f"pattern {name!r} stands in line {ids[name]} already")
        ids.setdefault(name, node.start_mark.line + 1)
        category = entries.get("category")
        if category is not None and category.value not in CATEGORIES[:-1]:
            known = ", ".join(CATEGORIES[:-1])
            self._say(category, f"category {category.value!r} of {name!r} is none of {known}")
        vote = entries.get("vote")
        if vote is not None and not _NUMBER.fullmatch(str(vote.value)):
            self._say(vote, f"vote of {name!r} needs a number, not {vote.value!r}")
        self._check_names(entries, f"pattern {name!r}")

    def _check_names(self, entries: dict[str, yaml.Node], where: str) -> None:
        for key in ("all", "any", "none"):
            if key in entries and not isinstance(entries[key], yaml.SequenceNode):
                self._say(entries[key], f"{key!r} of {where} must be a list")
            for item in _items(entries.get(key)):
                if item.value not in self._said:
                    self._say(item, f"{where} asks for unknown concept {item.value!r}")

    def _check_concept(self, name: str, node: yaml.Node, allowed: set[str]) -> None:
        entries = self._entries(node, allowed, f"concept {name!r}")
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
        self._check_names(entries, f"rule {name!r}")
        if "votes" in entries:
            self._check_votes(entries["votes"], f"votes of rule {name!r}")

    def _check_votes(self, node: yaml.Node, where: str) -> None:
        for category, value in self._entries(node, set(CATEGORIES), where).items():
            if not _NUMBER.fullmatch(str(value.value)):
                self._say(value, f"{where}: {category} needs a number, not {value.value!r}")

    def _check_share(self, node: yaml.Node) -> None:
        if not re.fullmatch(r"0?\.\d+|1(\.0+)?", str(node.value)):
            self._say(node, f"sure_at must lie between 0 and 1, not {node.value!r}")
