"""The weekly ticket digest: read from reporting models, written as Markdown and HTML.

Same warehouse and week, same bytes: no clock is read. Sending it is done elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jinja2

from orchestration.errors import PermanentFailure
from orchestration.tickets.classifier import measured_quality

_FOLDER = Path(__file__).parent
_METRIC_OF = {
    "subscription_lifecycle": "checkout_rollbacks_per_day",
    "payment_block": "dunning_failures_per_month",
    "invoice_remediation": "bad_debt_from_upgrades_per_day",
    "bad_debt": "bad_debt_inconsistent_accounts",
    "entitlement_drift": "entitlement_drift_accounts",
    "duplicate_charge": "double_charged_accounts",
    "provisioning": "zero_payment_subscriptions_per_month",
}
"""The metric that should move with a category; the others have none."""


class Rows(Protocol):
    """The part of a warehouse that the digest needs."""

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run one select and return plain rows."""
        ...


class DigestReport(NamedTuple):
    """Where the two files of a digest are."""

    markdown: Path
    html: Path


@dataclass(frozen=True)
class CategoryLine:
    """One category in the week; `previous` is None when the week before is not known."""

    category: str
    title: str
    workstream: str
    link: str
    mechanism: str
    tickets: int
    previous: int | None
    blocked: int
    window_tickets: int
    peak_week: str
    peak_tickets: int
    metric: dict[str, Any] | None
    keys: tuple[str, ...]

    @property
    def change(self) -> int | None:
        """Tickets more (or less) than in the week before."""
        return None if self.previous is None else self.tickets - self.previous

    @property
    def blocked_percent(self) -> str:
        """Share that needs an engineer's act, in percent; a dash without tickets."""
        return f"{100 * self.blocked / self.tickets:.0f} %" if self.tickets else "–"

    @property
    def anchor(self) -> str:
        """Place of the category's tickets within the page."""
        return f"tickets-{self.category}"


def write_digest(warehouse: Rows, week: str, out_dir: Path) -> DigestReport:
    """Write `tickets-<week>.md` and `.html` into `out_dir` and return their paths.

    `week` is an ISO week such as 2026-W12. Raises PermanentFailure for a week that is not
    one, that the reporting window does not hold, or whose models disagree.
    """
    first_day = week_start(week)
    content = _content(warehouse, week, first_day)
    out_dir.mkdir(parents=True, exist_ok=True)
    report = DigestReport(out_dir / f"tickets-{week}.md", out_dir / f"tickets-{week}.html")
    texts = [_render(f"digest{path.suffix}.j2", content) for path in report]
    for path, text in zip(report, texts, strict=True):
        _write(path, text)
    return report


def week_start(week: str) -> date:
    """Return the Monday of an ISO week such as 2026-W12; PermanentFailure when it is none."""
    match = re.fullmatch(r"(\d{4})-W(\d{2})", week)
    try:
        if match:
            return date.fromisocalendar(int(match[1]), int(match[2]), 1)
    except ValueError:
        pass
    raise PermanentFailure(f"{week!r} is not an ISO week.", todo="Write it as 2026-W12.")


def week_label(day: date) -> str:
    """Return the ISO week that a day belongs to, such as 2026-W12."""
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def _content(warehouse: Rows, week: str, first_day: date) -> dict[str, Any]:
    weekly = warehouse.rows(
        "select iso_week, category, tickets, engineering_blocked from reporting.rpt_tickets_weekly"
    )
    known = sorted({row["iso_week"] for row in weekly})
    if week not in known:
        span = f"{known[0]} to {known[-1]}" if known else "no week at all"
        raise PermanentFailure(
            f"The warehouse has no tickets of {week}; it knows {span}.",
            tried="write the weekly digest",
            todo="Name a week of that window, or run the pipeline first.",
        )
    metrics = _metrics(warehouse)
    lines = _lines(warehouse, week, first_day, weekly, metrics)
    total, previous = sum(line.tickets for line in lines), _total_before(lines)
    return {
        "week": week,
        "first_day": first_day,
        "last_day": first_day + timedelta(days=6),
        "lines": lines,
        "total": total,
        "change": None if previous is None else total - previous,
        "blocked": sum(line.blocked for line in lines),
        "news": _news(lines),
        "metrics": [m for m in metrics.values() if m["metric_id"] in _METRIC_OF.values()],
        "quality": measured_quality(),
        "window": f"{known[0]} to {known[-1]}",
    }


def _metrics(warehouse: Rows) -> dict[str, dict[str, Any]]:
    rows = warehouse.rows(
        "select metric_id, title, unit, workstream, value, value_date, as_of, evidence,"
        " freshness, stale_by_hours, oldest_source, level"
        " from reporting.rpt_metric_status order by metric_id"
    )
    return {row["metric_id"]: row | {"status": _status(row)} for row in rows}


def _status(metric: dict[str, Any]) -> str:
    if metric["freshness"] == "stale":
        return f"stale by {metric['stale_by_hours']} h ({metric['oldest_source']})"
    return str(metric["freshness"])


def _lines(
    warehouse: Rows,
    week: str,
    first_day: date,
    weekly: list[dict[str, Any]],
    metrics: dict[str, dict[str, Any]],
) -> list[CategoryLine]:
    counts = {(row["iso_week"], row["category"]): row for row in weekly}
    before = week_label(first_day - timedelta(days=7))
    has_before = any(row["iso_week"] == before for row in weekly)
    keys = _keys(warehouse, week)
    lines: list[CategoryLine] = []
    for entry in warehouse.rows(
        "select category, title, workstream, link, mechanism, tickets, peak_week, peak_tickets"
        " from reporting.rpt_ticket_categories order by tickets desc, category"
    ):
        category = entry["category"]
        now, earlier = counts.get((week, category)), counts.get((before, category))
        lines.append(
            CategoryLine(
                category=category,
                title=entry["title"],
                workstream=entry["workstream"] or "none",
                link=entry["link"],
                mechanism=entry["mechanism"] or "",
                tickets=int(now["tickets"]) if now else 0,
                previous=(int(earlier["tickets"]) if earlier else 0) if has_before else None,
                blocked=int(now["engineering_blocked"]) if now else 0,
                window_tickets=int(entry["tickets"]),
                peak_week=entry["peak_week"] or "–",
                peak_tickets=int(entry["peak_tickets"] or 0),
                metric=metrics.get(_METRIC_OF.get(category, "")),
                keys=tuple(keys.get(category, ())),
            )
        )
    _check_keys(lines, keys, week)
    return lines


def _keys(warehouse: Rows, week: str) -> dict[str, list[str]]:
    """Keys of the escalated tickets a category, in the order of their numbers."""
    found: dict[str, list[str]] = {}
    for row in warehouse.rows(
        "select issue_key, coalesce(category, 'unclassified') as category"
        " from marts.fct_tickets where is_engineering and iso_week = ?"
        " order by length(issue_key), issue_key",
        (week,),
    ):
        found.setdefault(row["category"], []).append(row["issue_key"])
    return found


def _check_keys(lines: list[CategoryLine], keys: dict[str, list[str]], week: str) -> None:
    shown = {line.category for line in lines}
    wrong = [line.category for line in lines if len(line.keys) != line.tickets]
    wrong += sorted(set(keys) - shown)
    if wrong:
        raise PermanentFailure(
            f"Counts and ticket keys of {week} disagree for {', '.join(wrong)}.",
            tried="write the weekly digest",
            todo="Build the models again: rpt_tickets_weekly and fct_tickets are of two runs.",
        )


def _total_before(lines: list[CategoryLine]) -> int | None:
    known = [line.previous for line in lines if line.previous is not None]
    return sum(known) if len(known) == len(lines) else None


def _news(lines: list[CategoryLine]) -> list[str]:
    """What changed and why it matters: the largest rise and fall among real categories."""
    moved = [line for line in lines if line.category != "unclassified" and line.change]
    moved.sort(key=lambda line: (-abs(line.change or 0), line.category))
    rises = [line for line in moved if (line.change or 0) > 0][:1]
    falls = [line for line in moved if (line.change or 0) < 0][:1]
    news = []
    for line in rises + falls:
        verb = "rose" if (line.change or 0) > 0 else "fell"
        text = f"{line.title} {verb} from {line.previous} to {line.tickets} tickets"
        text += f"; {line.blocked} need an engineer."
        if line.workstream != "none":
            text += f" {line.workstream} is meant to change this: {line.mechanism}"
        news.append(text)
    for line in lines:
        if line.peak_week != "–" and line.tickets and line.tickets == line.peak_tickets:
            news.append(f"{line.title} is at its peak of the window ({line.tickets} tickets).")
    return news or ["No category changed against the week before."]


def _signed(value: int | None) -> str:
    if value is None:
        return "–"
    return f"{value:+d}".replace("-", "−") if value else "0"


def _plain(value: Decimal | float | int | None) -> str:
    if value is None:
        return "–"
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cell(text: object) -> str:
    """Text within a Markdown table or line: nothing in it can begin markup."""
    flat = re.sub(r"\s+", " ", str(text))
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", flat)


def _render(template: str, content: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=template.endswith(".html.j2"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"signed": _signed, "plain": _plain, "cell": _cell}
    return environment.get_template(template).render(content)


def _write(path: Path, text: str) -> None:
    """Put the file in place whole or not at all; an equal one is left as it is."""
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
