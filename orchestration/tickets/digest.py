"""The weekly ticket digest as Markdown and HTML, and its sending through the alert channels.

Same warehouse and week, same bytes: no clock is read here. What the digest says is decided
in `digest_content`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
from markupsafe import Markup

from dashboards.editions import Result
from dashboards.figures import UNKNOWN, Figure, Figures, Part
from dashboards.guard import require_provenance
from dashboards.render import label, plain_text, status_words
from orchestration.tickets.digest_content import content_of, week_label, week_start
from orchestration.warehouse.base import Warehouse

if TYPE_CHECKING:
    from orchestration.alerting.delivery import Delivery

_FOLDER = Path(__file__).parent
_MARKS = {
    "stale": "stale",
    "unknown": "age unknown",
    "never_measured": "never measured",
    "broken": "query failed",
    "check failed": "check failed",
    "check broken": "check broken",
}
"""What stands beside a figure that is not the present."""


class DigestReport(NamedTuple):
    """Where the two files of a digest are."""

    markdown: Path
    html: Path


def write_digest(warehouse: Warehouse, week: str, out_dir: Path) -> DigestReport:
    """Write `tickets-<week>.md` and `.html` into `out_dir` and return their paths.

    `week` is an ISO week such as 2026-W12. Raises PermanentFailure for a week that is not
    one, that the reporting window does not hold, or whose models disagree, and for a number
    that no claim stands behind.
    """
    week_start(week)
    with Figures(warehouse) as figures:
        content = content_of(figures, week)
    report = DigestReport(out_dir / f"tickets-{week}.md", out_dir / f"tickets-{week}.html")
    texts = [_render(f"digest{path.suffix}.j2", content) for path in report]
    out_dir.mkdir(parents=True, exist_ok=True)
    for path, text in zip(report, texts, strict=True):
        _write(path, text)
    return report


def last_week(day: date) -> str:
    """Return the last ISO week that was complete on a UTC day: the one before the day's week."""
    return week_label(day - timedelta(days=7))


def send_digest(report: DigestReport, week: str, urls: str) -> list[Delivery]:
    """Send the Markdown digest to the alert channels; one outcome a channel, none without any."""
    from orchestration.alerting.delivery import deliver

    body = report.markdown.read_text("utf-8")
    return deliver(urls, f"Tickets of week {week}", body)


def _cell(text: object) -> str:
    """Text within a Markdown table or line: nothing in it can begin markup."""
    flat = plain_text(re.sub(r"\s+", " ", str(text)))
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", flat)


class _Pen:
    """Writes the parts of a sentence: words as they are, figures with what their age means."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._results = {result.claim.claim_id: result for result in content["sources"]}

    def said(self, figure: Figure) -> str:
        """A figure as a reader sees it; an old, doubtful or missing one says so beside it."""
        result = self._results[figure.claim_id]
        found = (_MARKS.get(result.status), _MARKS.get(f"check {result.evidence.alarm}"))
        marks = ", ".join(mark for mark in found if mark)
        return f"{figure.said} ({marks})" if marks and figure.form != "words" else figure.said

    def markdown(self, part: Part) -> str:
        return _cell(self.said(part) if isinstance(part, Figure) else part)

    def html(self, part: Part) -> Markup:
        """A figure links to its source within the page; names with a digit are marked."""
        if not isinstance(part, Figure):
            return Markup('<bdi dir="auto">{}</bdi>').format(label(part))
        link = Markup('<a data-claim="{0}" href="#source-{0}"><bdi dir="auto">{1}</bdi></a>')
        return link.format(part.claim_id, plain_text(self.said(part)))


def _between(pen: Callable[[Part], str], low: Figure, high: Figure) -> str:
    """`1 to 3` of two figures; a dash when one of them is not known."""
    if low.value is None or high.value is None:
        return UNKNOWN
    return Markup("{} to {}").format(Markup(pen(low)), Markup(pen(high)))


def _render(template: str, content: dict[str, Any]) -> str:
    is_html = template.endswith(".html.j2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=is_html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pen = _Pen(content)
    write: Callable[[Part], str] = pen.html if is_html else pen.markdown
    environment.filters |= {"w": write, "cell": _cell, "label": label, "moment": _moment}
    environment.globals |= {"between": functools.partial(_between, write), "words": status_words}
    text = environment.get_template(template).render(content)
    if is_html:
        require_provenance(text, f"the digest of {content['week']}")
    return text


def _moment(result: Result) -> str:
    """How far the evidence of a figure goes."""
    as_of = result.evidence.as_of
    return f"{as_of:%Y-%m-%d %H:%M} UTC" if as_of else UNKNOWN


def _write(path: Path, text: str) -> None:
    """Put the file in place whole or not at all; an equal one is left as it is."""
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
