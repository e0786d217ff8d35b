"""Refuses a page on which a number stands without provenance. Looks at finished HTML only.

A digit may stand inside a claim, inside code, or inside a name: a word of the short list
below. Everything else is a number that somebody typed in.
"""

from __future__ import annotations

import re
from html import unescape

from orchestration.errors import PermanentFailure

_DIGIT = re.compile(r"\d")
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_SILENT = frozenset({"head", "symbol"})
_RAW = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->", re.DOTALL)
_TOKEN = re.compile(r"<(?P<end>/?)(?P<tag>[a-zA-Z!][\w-]*)(?P<given>[^>]*)>|(?P<text>[^<]+|<)")
_GIVEN = re.compile(r'([\w:-]+)="([^"]*)"')

NAMES = re.compile(
    r"""[("'\[{]*(?:
        [A-Za-z][\w./:>\-]*(?:\[\d\])?  # a word that begins with a letter: W12, Q2, p95, stage_1
      | \d{4}-W\d\d                     # an ISO week
      | 3DS | 1st | 2nd | 3rd
      | [0-9a-f]{16}                    # a hash: of an edition or a query
    )[)"'\]}.,;:!?]*""",
    re.VERBOSE,
)
"""Words with a digit that are names and no figures."""


def is_bare(text: str) -> bool:
    """Say whether a digit stands in the text outside a name."""
    return any(_DIGIT.search(word) and not NAMES.fullmatch(word) for word in text.split())


class _Walk:
    """Keeps the stack of open elements; notes digits outside claim and label, and claim ids.

    Reads what the templates wrote, in which every `<` of the data is escaped.
    """

    def __init__(self, html: str) -> None:
        self.bare: list[str] = []
        self.claims: set[str] = set()
        self.ids: list[str] = []
        self._open: list[tuple[str, str]] = []
        for found in _TOKEN.finditer(_RAW.sub("", html)):
            if text := found["text"]:
                self._text(unescape(text) if "&" in text else text)
            elif found["end"]:
                self._close(found["tag"])
            else:
                self._start(found["tag"].lower(), found["given"])

    def _start(self, tag: str, attributes: str) -> None:
        given = dict(_GIVEN.findall(attributes)) if "=" in attributes else {}
        if claim := given.get("data-claim"):
            self.claims.add(unescape(claim))
        if found := given.get("id"):
            self.ids.append(unescape(found))
        covers = ""
        if "data-claim" in given or tag in _SILENT or given.get("data-label") == "sql":
            covers = "all"
        elif "data-label" in given:
            covers = "names"
        if tag not in _VOID and not attributes.endswith("/"):
            self._open.append((tag, covers))

    def _close(self, tag: str) -> None:
        while self._open:
            name, _ = self._open.pop()
            if name == tag:
                return

    def _text(self, text: str) -> None:
        if not _DIGIT.search(text):
            return
        covers = {cover for _, cover in self._open}
        if "all" in covers or ("names" in covers and not is_bare(text)):
            return
        place = self._open[-1][0] if self._open else "page"
        self.bare.append(f"<{place}> {' '.join(text.split())[:80]}")


def require_provenance(html: str, page: str = "the page") -> None:
    """Raise PermanentFailure naming every number without a claim or label, every claim
    without its entry among the sources, and every id that is used twice."""
    walker = _Walk(html)
    problems = [f"number without provenance: {text}" for text in walker.bare]
    ids = set(walker.ids)
    problems += [
        f"claim without an entry among the sources: {claim}"
        for claim in sorted(walker.claims)
        if f"source-{claim}" not in ids
    ]
    if len(ids) != len(walker.ids):
        problems += [f"id used twice: {i}" for i in sorted(ids) if walker.ids.count(i) > 1]
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems[:20])
        raise PermanentFailure(
            f"{page} has {len(problems)} problem(s) of provenance:\n{listed}\n",
            tried="check the finished pages",
            todo="Give each number a claim (dashboards/claims.py), or mark a name as a label.",
        )
