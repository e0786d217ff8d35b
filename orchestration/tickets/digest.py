"""The weekly ticket digest as Markdown and HTML, and its sending through the alert channels.

Same warehouse and week, same bytes: no clock is read here. What the digest says is decided
in `digest_content`.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2

from orchestration.tickets.digest_content import content_of, signed, week_label
from orchestration.tickets.reports import Rows

if TYPE_CHECKING:
    from orchestration.alerting.delivery import Delivery

_FOLDER = Path(__file__).parent


class DigestReport(NamedTuple):
    """Where the two files of a digest are."""

    markdown: Path
    html: Path


def write_digest(warehouse: Rows, week: str, out_dir: Path) -> DigestReport:
    """Write `tickets-<week>.md` and `.html` into `out_dir` and return their paths.

    `week` is an ISO week such as 2026-W12. Raises PermanentFailure for a week that is not
    one, that the reporting window does not hold, or whose models disagree.
    """
    content = content_of(warehouse, week)
    out_dir.mkdir(parents=True, exist_ok=True)
    report = DigestReport(out_dir / f"tickets-{week}.md", out_dir / f"tickets-{week}.html")
    texts = [_render(f"digest{path.suffix}.j2", content) for path in report]
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


def _plain(value: Decimal | float | int | None) -> str:
    if value is None:
        return "–"
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cell(text: object) -> str:
    """Text within a Markdown table or line: nothing in it can begin markup."""
    flat = re.sub(r"\s+", " ", str(text))
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", flat)


def _between(low: object, high: object) -> str:
    return "–" if low is None or high is None else f"{low} to {high}"


def _render(template: str, content: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=template.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"signed": signed, "plain": _plain, "cell": _cell}
    environment.globals |= {"between": _between}
    return environment.get_template(template).render(content)


def _write(path: Path, text: str) -> None:
    """Put the file in place whole or not at all; an equal one is left as it is."""
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
