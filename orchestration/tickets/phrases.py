"""The phrase language of the rule file and the text form it is compared with.

Phrases become regular expressions with bounded gaps, so matching takes linear time.
What the phrases mean for a ticket is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_LETTER_OR_BLANK = r"(?:[^\w.!?;\n]|[.](?=\w))"
_BETWEEN = f"{_LETTER_OR_BLANK}+"
_TOKEN = re.compile(r"\s*(\.\.\.|\.\.)\s*|(\s+)|(n't)|(\\.)|(\*)|(\.)|(\()|([^\s])")
_GAPS = {"..": 4, "...": 10}
_TYPOGRAPHIC = {
    "’": "'", "‘": "'", "´": "'", "`": " ", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "_": " ", "ß": "s", "œ": "o", "æ": "a", "ø": "o", "ł": "l", "ı": "i",
}  # fmt: skip


class PhraseError(ValueError):
    """A phrase that cannot be compiled; the message says what is wrong with it."""


@cache
def _fold_character(character: str) -> str:
    base = unicodedata.normalize("NFD", character.lower())[:1] or character
    return _TYPOGRAPHIC.get(base, base)


class _Folding(dict[int, str]):
    """Translation table that is filled as characters are met (each maps to exactly one)."""

    def __missing__(self, code: int) -> str:
        self[code] = _fold_character(chr(code))
        return self[code]


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return `text` without case and accents, the same length (offsets stay valid)."""
    return text.translate(_FOLDING)


def compile_phrases(phrases: list[str]) -> re.Pattern[str]:
    """Return one expression that finds any of the phrases in folded text."""
    sources = [translate(phrase) for phrase in phrases]
    return re.compile("|".join(f"(?:{source})" for source in sources))


def translate(phrase: str) -> str:
    """Return the regular expression of one phrase; PhraseError when it is malformed."""
    text = re.sub(r"(?:\s*\.\.\.?)+\s*$", "", fold(phrase.strip()).replace("$", ""))
    if not text:
        raise PhraseError("the phrase is empty")
    pieces = [_piece(match) for match in _TOKEN.finditer(text)]
    source = rf"(?<!\w){_boundary_safe(''.join(pieces))}(?!\w)"
    try:
        compiled = re.compile(source)
    except re.error as problem:
        raise PhraseError(f"not a valid phrase: {problem}") from problem
    if compiled.match(""):
        raise PhraseError("the phrase matches nothing at all")
    return source


def _boundary_safe(source: str) -> str:
    return f"(?:{source})"


def _piece(match: re.Match[str]) -> str:
    gap, blank, negation, escaped, star, dot, bracket, other = match.groups()
    if gap:
        return rf"(?:{_BETWEEN}[\w']+){{0,{_GAPS[gap]}}}?{_BETWEEN}"
    if blank:
        return _BETWEEN
    if negation:
        return r"\w*n't"
    if star:
        return r"\w*"
    if dot:
        return r"\."
    if bracket:
        return "(?:"
    return str(escaped or other)
