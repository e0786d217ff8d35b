"""Finds phrases in a text without trying every phrase at every place.

A phrase can only begin at a word that it may begin with; the index holds the phrases by
that word (or by its first letters). Phrases that begin with something else are searched for
as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from orchestration.tickets.phrases import compile_phrases, fold

_LITERAL = re.compile(r"[^\W_]+")
_WORD = re.compile(r"(?<!\w)[^\W_]+")
_KEY = 3
_MOST_REMEMBERED = 50_000

Entry = tuple[int, re.Pattern[str]]


class _Table:
    """Phrases by key and concept, each with what the word it begins with must begin with."""

    def __init__(self) -> None:
        self._phrases: dict[str, dict[int, dict[str, list[str]]]] = {}

    def add(self, key: str, concept: int, phrase: str, begins: str) -> None:
        concepts = self._phrases.setdefault(key, {})
        concepts.setdefault(concept, {}).setdefault(phrase, []).append(begins)

    def entries(self, key: str, word: str) -> tuple[Entry, ...]:
        """One entry a concept: those of the key's phrases that may begin with the word."""
        found = []
        for concept, phrases in self._phrases.get(key, {}).items():
            chosen = tuple(p for p, begins in phrases.items() if word.startswith(tuple(begins)))
            if chosen:
                found.append((concept, _compiled(chosen)))
        return tuple(found)


@cache
def _compiled(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return compile_phrases(list(phrases))


_ANYWHERE = ""


@dataclass
class PhraseIndex:
    """Phrases of one language; numbers are positions of concepts in the rule file."""

    exact: _Table = field(default_factory=_Table)
    prefixed: _Table = field(default_factory=_Table)
    anywhere: _Table = field(default_factory=_Table)
    _known: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    _everywhere: tuple[Entry, ...] | None = None

    def hits(self, folded: str, done: set[int]) -> Iterator[tuple[int, int, int]]:
        """Yield (concept, start, end) in text order; concepts put into `done` are left out."""
        if self._everywhere is None:
            self._everywhere = self.anywhere.entries(_ANYWHERE, "")
        for concept, pattern in self._everywhere:
            for match in pattern.finditer(folded):
                if concept in done:
                    break
                yield concept, match.start(), match.end()
        known = self._known
        for word in _WORD.finditer(folded):
            text = word.group()
            entries = known.get(text)
            if entries is None:
                entries = self._remember(text)
            start = word.start()
            for concept, pattern in entries:
                if concept in done:
                    continue
                found = pattern.match(folded, start)
                if found:
                    yield concept, start, found.end()

    def _remember(self, word: str) -> tuple[Entry, ...]:
        """Phrases that may begin with this word, kept for the next time it is met."""
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        entries = self.exact.entries(word, word) + self.prefixed.entries(word[:_KEY], word)
        self._known[word] = entries
        return entries


def build_index(phrases: list[tuple[int, list[str]]]) -> PhraseIndex:
    """Return the index of (concept, phrases) pairs; phrases are those of the rule file."""
    index = PhraseIndex()
    for concept, texts in phrases:
        for text in texts:
            begins = beginnings(fold(text.strip()))
            if begins is None:
                index.anywhere.add(_ANYWHERE, concept, text, "")
                continue
            for word, is_prefix in dict.fromkeys(begins):
                if is_prefix:
                    index.prefixed.add(word[:_KEY], concept, text, word)
                else:
                    index.exact.add(word, concept, text, word)
    return index


def beginnings(folded: str) -> list[tuple[str, bool]] | None:
    """Words a folded phrase may begin with, each with "is only a prefix"; None: cannot tell."""
    if not folded.startswith("("):
        begin = _beginning(folded)
        return None if begin is None else [begin]
    end = _closing(folded)
    after = folded[end + 1 : end + 2]
    if end < 0 or after in ("?", "{"):
        return None
    found: list[tuple[str, bool]] = []
    for option in _options(folded[1:end]):
        inner = beginnings(option + ("" if after in ("", " ") else "*"))
        if inner is None:
            return None
        found.extend(inner)
    return found


def _beginning(text: str) -> tuple[str, bool] | None:
    match = _LITERAL.match(text)
    if not match:
        return None
    word, after = match.group(), text[match.end() : match.end() + 1]
    if after in ("*", "(", "[", "\\"):
        return (word, True) if len(word) >= _KEY else None
    if after in ("?", "{"):
        return (word[:-1], True) if len(word) > _KEY else None
    return word, False


def _closing(text: str) -> int:
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place
    return -1


def _options(text: str) -> list[str]:
    options, depth, begin = [], 0, 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            options.append(text[begin:place])
            begin = place + 1
    return [*options, text[begin:]]
