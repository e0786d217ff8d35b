"""What commands print for people: progress on stderr, tables on stdout. No queries here."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from orchestration.pipeline import RunReport

STAGE_TITLES = {
    "world": "Generating the simulated world",
    "start sources": "Starting PostgreSQL, Stripe and Jira",
    "extract": "Extracting",
    "parse": "Waiting for dbt to parse its project",
    "build": "Building the models (dbt)",
    "check": "Checking (Great Expectations)",
    "alert": "Evaluating alerts",
    "page": "Writing the page",
    "publish": "Publishing the warehouse",
}
COLORS = {
    "fresh": "green",
    "ok": "green",
    "passed": "green",
    "stale": "yellow",
    "warning": "yellow",
    "critical": "red",
    "failed": "yellow",
    "broken": "red",
}


def stdout() -> Console:
    """Return the console for results; wide enough for the metric table when piped."""
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 220
    return console


class RichWatcher:
    """Progress bars of a run, on stderr; a context manager."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._current: TaskID | None = None

    def __enter__(self) -> RichWatcher:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish_current()
        self._progress.stop()

    def stage(self, name: str) -> None:
        """Begin the bar of a stage; the one before is done."""
        self._finish_current()
        title = STAGE_TITLES.get(name, name)
        self._current = self._progress.add_task(title, total=1)
        if not self._console.is_terminal:
            self._console.print(f"{title} ...")

    def note(self, text: str) -> None:
        """Say one line above the bars."""
        self._progress.console.print(escape(text))

    def days(self, total: int) -> Callable[[datetime], None]:
        """Return what the replay calls after each moment; it moves the bar of days."""
        task = self._progress.add_task("Days extracted", total=total)

        def done(moment: datetime) -> None:
            title = f"Days extracted (up to {moment:%Y-%m-%d %H:%M})"
            self._progress.update(task, advance=1, description=title)

        return done

    def world(self) -> Callable[[float, str], None]:
        """Return what the generator calls with (share done, what is done)."""

        def done(share: float, _: str) -> None:
            if self._current is not None:
                self._progress.update(self._current, completed=round(share * 100), total=100)

        return done

    def _finish_current(self) -> None:
        if self._current is not None:
            total = self._progress.tasks[self._current].total
            self._progress.update(self._current, completed=total)
            self._current = None


def metric_table(document: dict[str, Any]) -> Table:
    """Return the table of `paygo status`."""
    table = Table(title=f"Metrics at {document['as_of']}")
    numbers = {"value", "stale by (h)"}
    for name in (
        "metric", "value", "unit", "as of", "status", "stale by (h)", "oldest source", "level",
        "check", "owner",
    ):  # fmt: skip
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=True)
    for m in document["metrics"]:
        value = "-" if m["value"] is None else f"{m['value']:,}"
        table.add_row(
            m["metric"],
            value,
            m["unit"],
            (m["as_of"] or "never")[:16],
            _colored(m["freshness"]),
            str(m["stale_by_hours"] or "") if m["freshness"] != "unknown" else "?",
            m["oldest_source"] or "",
            _colored(m["level"]),
            _colored(m["check"] or "none"),
            m["owner"],
        )
    return table


def _colored(word: str) -> str:
    color = COLORS.get(word)
    return f"[{color}]{word}[/]" if color else word


def print_rows(title: str, rows: list[dict[str, Any]], console: Console | None = None) -> None:
    """Print rows as a table; says so when there are none."""
    console = console or stdout()
    if not rows:
        console.print(f"{title}: none")
        return
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if v is None else escape(str(v)) for v in row.values()))
    console.print(table)


def print_report(report: RunReport, page: str, console: Console | None = None) -> None:
    """Print failed streams, problems, seconds a stage, and where the page is."""
    console = console or stdout()
    by_message: dict[tuple[str, bool], list[str]] = {}
    for name, attempt in sorted(report.failed.items()):
        planned = name in report.planned
        by_message.setdefault((str(attempt.outcome.error), planned), []).append(name)
    for (message, planned), names in by_message.items():
        label = "failed as the scenario plans" if planned else "FAILED"
        console.print(f"[yellow]{label}[/]: {escape(', '.join(names))}\n  {escape(message)}")
    for problem in report.problems:
        console.print(f"[red]problem[/]: {escape(problem)}")
    timings = ", ".join(f"{name} {taken:.1f} s" for name, taken in report.seconds.items())
    console.print(f"Stages: {timings} (sum {sum(report.seconds.values()):.1f} s)")
    console.print(f"Page: {page}", soft_wrap=True)
