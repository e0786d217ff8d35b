"""Turns executed claims and view models into HTML. Everything from data is escaped here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from dashboards.editions import Result
from dashboards.format import NO_VALUE, number_of, plural, readable

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
    "agreed": "agreed: a level that its owner set",
    "asserted": "asserted: no query of a source stands behind it",
    "never_measured": "never measured",
    "unknown": "age unknown: a source was never read",
    "broken": "broken: the query could not run",
}


def environment(results: Mapping[str, Result]) -> Environment:
    """Return the template environment; `n` and its siblings write figures of `results`."""
    env = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
        lstrip_blocks=True,
    )
    env.globals.update(_writers(results))
    env.filters.update(
        label=label,
        named=lambda source: _NAMES.get(source, source),
        spelled=lambda count: _SMALL[count] if count < len(_SMALL) else "many",
        link_word=lambda link: _LINKS.get(link or "none", link),
        kind_word=kind_word,
        plain=lambda value: readable(value, "number"),
    )
    return env


def _writers(results: Mapping[str, Result]) -> dict[str, Callable[..., Any]]:
    def n(claim_id: str) -> Markup:
        result = results[claim_id]
        return figure(claim_id, result.shown, result)

    def week(claim_id: str) -> Markup:
        result = results[claim_id]
        return figure(claim_id, result.shown.partition("-")[2] or result.shown, result)

    def text(claim_id: str) -> Markup:
        result = results[claim_id]
        if not re.search(r"\d", result.shown):
            return escape(result.shown)
        opener = Markup(
            '<a class="opener" href="#source-{0}" data-open="{0}">asserted'
            '<span class="vh">: source of this text</span></a>'
        ).format(claim_id)
        return Markup('<span data-claim="{}">{} {}</span>').format(claim_id, result.shown, opener)

    def word(claim_id: str, one: str, many: str) -> str:
        return plural(number_of(results[claim_id].value), one, many)

    def said(claim_id: str) -> Markup:
        """What happened, of an error that goes on to say what was tried and what to do."""
        result = results[claim_id]
        return figure(claim_id, result.shown.partition(" Tried: ")[0], result)

    writers: dict[str, Callable[..., Any]] = {"n": n, "week": week, "text": text, "word": word}
    return {**writers, "said": said, "status_words": status_words}


def figure(claim_id: str, shown: str, result: Result) -> Markup:
    """Write one figure as a link to its source; an old, asserted or missing one says so."""
    mark, kind = Markup(""), "n"
    if result.status == "stale":
        kind = "n is-stale"
        said = f"stale by {readable(Decimal(str(result.evidence.stale_by_hours)), 'age')}"
        mark = Markup(
            '<svg class="icon mark" aria-hidden="true"><use href="#icon-clock"/></svg>'
            '<span class="vh"> ({})</span>'
        ).format(said)
    elif shown == NO_VALUE:
        kind = "n is-missing"
    elif result.status in {"unknown", "never_measured"}:
        mark = Markup(
            '<svg class="icon mark" aria-hidden="true"><use href="#icon-question"/></svg>'
            '<span class="vh"> (age unknown)</span>'
        )
    return Markup('<a class="{0}" data-claim="{1}" href="#source-{1}">{2}{3}</a>').format(
        kind, claim_id, shown, mark
    )


def status_words(result: Result) -> str:
    """Say the status of a figure in words."""
    if result.status == "stale":
        hours = Decimal(str(result.evidence.stale_by_hours))
        return f"measured (stale by {readable(hours, 'age')})"
    return _STATUS[result.status]


def kind_word(kind: object) -> str:
    """`missing_in_stripe` → `missing in Stripe`."""
    return str(kind).replace("_", " ").replace("stripe", "Stripe")


def label(text: object) -> Markup:
    """Escape a name or definition and mark each word in it that merely contains a digit."""
    parts = _WITH_DIGIT.split(str(text))
    return Markup("").join(
        Markup('<span data-label="name">{}</span>').format(part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    )


def inline(name: str) -> Markup:
    """Return one of this package's own text files, to stand inside the page."""
    return Markup((_HERE / name).read_text(encoding="utf-8"))
