"""Turns executed claims and view models into HTML. Everything from data is escaped here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from dashboards.claim import Format
from dashboards.editions import Result
from dashboards.format import NO_VALUE, number_of, plural, readable, table
from dashboards.guard import NAMES

_HERE = Path(__file__).parent
_WITH_DIGIT = re.compile(r"(\S*\d\S*)")
_NAMES = {
    "billing": "Billing database",
    "core": "Core database",
    "engine": "Engine database",
    "jira": "Jira",
    "knowledge": "Knowledge graph",
    "stripe": "Stripe",
    "tickets": "Ticket classification",
}
_LINKS = {"direct": "direct fix", "side_effect": "side effect", "none": "no workstream"}
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_STATUS = {
    "measured": "measured, fresh",
    "agreed": "agreed: a level or text that its owner set",
    "asserted": "asserted: no query of a source stands behind it",
    "never_measured": "never measured",
    "unknown": "age unknown: a source was never read",
    "broken": "broken: the query could not run",
    "kept": "kept: the figure of an earlier edition",
}


class Pen:
    """Writes figures of `results` into one page at a time and remembers which it wrote."""

    def __init__(self, results: Mapping[str, Result]) -> None:
        self.results = dict(results)
        self.used: dict[str, None] = {}
        self.root = ""
        self.environment = _environment(self)

    def render(self, template: str, root: str, context: Mapping[str, Any]) -> str:
        """Return one page; `root` leads from its folder to the site's ("" or "../")."""
        self.used, self.root = {}, root
        return self.environment.get_template(template).render(**context, root=root)

    def claim(self, claim_id: str) -> str:
        """Note that a claim stands on the page, and return its id for `data-claim`."""
        self.used[self.results[claim_id].claim.claim_id] = None
        return claim_id

    def n(self, claim_id: str) -> Markup:
        """Write the figure of a claim."""
        return self._figure(claim_id, self.results[claim_id].shown)

    def at(self, claim_id: str, key: str, column: int = 0, form: Format = "number") -> Markup:
        """Write one point of a series claim; a dash where the series has none."""
        value = self._point(claim_id, key, column)
        return self._figure(claim_id, "–" if value is None else readable(value, form))

    def has_at(self, claim_id: str, key: str, column: int = 0) -> bool:
        """Say whether a series claim knows this point."""
        return claim_id in self.results and self._point(claim_id, key, column) is not None

    def _point(self, claim_id: str, key: str, column: int) -> Decimal | None:
        values = table(self.results[claim_id].value_text).get(key)
        return values[column] if values else None

    def week(self, claim_id: str) -> Markup:
        """Write the week of `2026-W03` without its year."""
        shown = self.results[claim_id].shown
        return self._figure(claim_id, shown.partition("-")[2] or shown)

    def text(self, claim_id: str, end: str = "") -> Markup:
        """Write a text claim; one that holds a digit says that it is asserted."""
        result = self.results[claim_id]
        if not re.search(r"\d", result.shown):
            return inert(result.shown + end)
        self.claim(claim_id)
        said = "asserted" if result.status == "asserted" else "source"
        opener = Markup(
            '<a class="opener" href="#source-{0}" data-open="{0}">{1}'
            '<span class="vh">: source of this text</span></a>'
        ).format(claim_id, said)
        return Markup('<span data-claim="{}">{} {}</span>').format(
            claim_id, inert(result.shown + end), opener
        )

    def say(self, claim_id: str, text: object, end: str = "") -> Markup:
        """Write a text of the data: as a claim when it was declared as a wording, else as names."""
        return self.text(claim_id, end) if claim_id in self.results else label(f"{text}{end}")

    def ends(self, claim_id: str) -> bool:
        """Say whether what `said` writes ends a sentence."""
        return self._what_was_said(claim_id).rstrip().endswith((".", "!", "?"))

    def word(self, claim_id: str, one: str, many: str) -> str:
        return plural(number_of(self.results[claim_id].value), one, many)

    def said(self, claim_id: str) -> Markup:
        """What happened, of an error that goes on to say what was tried and what to do."""
        return self._figure(claim_id, self._what_was_said(claim_id), long=True)

    def _what_was_said(self, claim_id: str) -> str:
        shown = self.results[claim_id].shown.partition(" Tried: ")[0]
        return shown.removeprefix("PermanentFailure: ")

    def long(self, claim_id: str) -> Markup:
        """Write a message as a figure that may break over lines."""
        return self._figure(claim_id, self.results[claim_id].shown, long=True)

    def has(self, claim_id: str) -> bool:
        """Say whether a claim exists and has a value."""
        result = self.results.get(claim_id)
        return result is not None and result.value is not None

    def _figure(self, claim_id: str, shown: str, *, long: bool = False) -> Markup:
        self.claim(claim_id)
        return figure(claim_id, shown, self.results[claim_id], long=long)

    def sources(self) -> list[Result]:
        """Return what stands on the page so far, by claim id."""
        return [self.results[claim_id] for claim_id in sorted(self.used)]


def _environment(pen: Pen) -> Environment:
    env = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda said: plain_text(said) if type(said) is str else said,
        trim_blocks=False,
        lstrip_blocks=True,
    )
    writers = (
        "n",
        "at",
        "has_at",
        "week",
        "text",
        "say",
        "word",
        "said",
        "ends",
        "long",
        "has",
        "claim",
    )
    env.globals.update({name: getattr(pen, name) for name in writers})
    env.globals.update(
        sources=pen.sources, status_words=status_words, short_week=pen.week, results=pen.results
    )
    env.filters.update(
        label=label,
        named=lambda source: _NAMES.get(source, source),
        spelled=lambda count: _SMALL[count] if count < len(_SMALL) else "many",
        link_word=lambda link: _LINKS.get(link or "none", link),
        kind_word=kind_word,
        plain=lambda value: readable(value, "number"),
    )
    return env


def figure(claim_id: str, shown: str, result: Result, *, long: bool = False) -> Markup:
    """Write one figure as a link to its source.

    An old, asserted or missing one says so, and so does one whose metric's checks failed.
    """
    kind, icon, said = _marked(shown, result)
    if long:
        kind += " is-long"
    mark = _MARK.format(icon, said) if icon else Markup("")
    return Markup('<a class="{0}" data-claim="{1}" href="#source-{1}">{2}{3}</a>').format(
        kind, claim_id, inert(shown), mark
    )


_MARK = Markup(
    '<svg class="icon mark" aria-hidden="true"><use href="#icon-{}"/></svg>'
    '<span class="vh"> ({})</span>'
)


def _marked(shown: str, result: Result) -> tuple[str, str, str]:
    """Return class, icon and words of a figure; the gravest mark is drawn, all are said."""
    status, alarm = result.status, result.evidence.alarm
    if status == "broken":
        return "n is-missing is-alarm", "broken", "the query failed"
    kind, icon, said = "n", "", []
    if status == "stale":
        hours = Decimal(str(result.evidence.stale_by_hours))
        kind, icon, said = "n is-stale", "clock", [f"stale by {readable(hours, 'age')}"]
    elif shown == NO_VALUE:
        kind = "n is-missing"
    elif status in {"unknown", "never_measured"}:
        icon, said = "question", ["age unknown"]
    elif status == "asserted":
        kind, icon, said = "n is-asserted", "quote", ["asserted"]
    if alarm:
        kind, icon = f"{kind} is-alarm", {"failed": "cross", "broken": "broken"}[alarm]
        said.append({"failed": "a check failed", "broken": "a check could not run"}[alarm])
    return kind, icon, ", ".join(said)


def status_words(result: Result) -> str:
    """Say the status of a figure in words."""
    said = _STATUS.get(result.status, "")
    if result.status == "stale":
        hours = Decimal(str(result.evidence.stale_by_hours))
        said = f"measured (stale by {readable(hours, 'age')})"
    return said + {"failed": "; a check failed", "broken": "; a check could not run"}.get(
        result.evidence.alarm, ""
    )


def kind_word(kind: object) -> str:
    """`missing_in_stripe` → `missing in Stripe`."""
    return str(kind).replace("_", " ").replace("stripe", "Stripe")


_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that turn the direction of the text around them."""
_LEFTWARD = frozenset({"R", "AL", "AN"})


def plain_text(text: str) -> str:
    """Return `text` with each character that only turns direction made visible."""
    return _CONTROLS.sub("\ufffd", text) if not text.isascii() else text


def inert(text: object) -> Markup:
    """Escape a text of the data; one written from right to left is isolated from its neighbours."""
    said = plain_text(str(text))
    return Markup('<bdi dir="auto">{}</bdi>').format(said) if is_leftward(said) else escape(said)


def is_leftward(text: str) -> bool:
    """Say whether a text holds a letter or digit of a script written from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(c) in _LEFTWARD for c in text)


def label(text: object) -> Markup:
    """Escape a name or definition and mark each word in it that is a name with a digit.

    A number in it stays unmarked, so that the guard refuses the page.
    """
    said = str(text)
    marked = _labelled(plain_text(said))
    return Markup('<bdi dir="auto">{}</bdi>').format(marked) if is_leftward(said) else marked


def _labelled(text: str) -> Markup:
    parts = _WITH_DIGIT.split(text)
    return Markup("").join(
        Markup('<span data-label="name">{}</span>').format(part)
        if i % 2 and NAMES.fullmatch(part)
        else escape(part)
        for i, part in enumerate(parts)
    )


def inline(name: str) -> Markup:
    """Return one of this package's own text files, to stand inside a page."""
    return Markup((_HERE / name).read_text(encoding="utf-8"))
