"""Refuses a page on which a number stands without provenance. Looks at finished HTML only."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from orchestration.errors import PermanentFailure

_DIGIT = re.compile(r"\d")
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})
_SILENT = frozenset({"script", "style", "head", "symbol"})


class _Walker(HTMLParser):
    """Keeps the stack of open elements; notes digits outside claim and label, and claim ids."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, bool]] = []
        self.bare: list[str] = []
        self.claims: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("data-claim"):
            self.claims.add(str(given["data-claim"]))
        if given.get("id"):
            self.ids.append(str(given["id"]))
        covers = "data-claim" in given or "data-label" in given or tag in _SILENT
        if tag not in _VOID:
            self.open.append((tag, covers))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Self-closed elements (SVG) hold no text."""

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            name, _ = self.open.pop()
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if _DIGIT.search(data) and not any(covers for _, covers in self.open):
            place = self.open[-1][0] if self.open else "page"
            self.bare.append(f"<{place}> {' '.join(data.split())[:80]}")


def require_provenance(html: str) -> None:
    """Raise PermanentFailure naming every number without a claim or label, every claim
    without its entry among the sources, and every id that is used twice."""
    walker = _Walker()
    walker.feed(html)
    problems = [f"number without provenance: {text}" for text in walker.bare]
    ids = set(walker.ids)
    problems += [
        f"claim without an entry among the sources: {claim}"
        for claim in sorted(walker.claims)
        if f"source-{claim}" not in ids
    ]
    problems += [f"id used twice: {i}" for i in sorted(ids) if walker.ids.count(i) > 1]
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems[:20])
        raise PermanentFailure(
            f"The page has {len(problems)} problem(s) of provenance:\n{listed}\n",
            tried="check the finished page",
            todo="Give each number a claim (dashboards/claims.py), or mark a name as a label.",
        )
