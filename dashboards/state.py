"""The first screen: how are we, what is stale, what to worry about. Words computed from the state.

Figures are named by claim id and never copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dashboards.claims import HEADLINES
from dashboards.sections import Book, gravity, trend_of

WORRIES = 4
_LEVELS = ("critical", "warning", "ok", "no_threshold", "unknown")


def first_screen(book: Book) -> dict[str, Any]:
    """Return the verdict, one cell a metric, the sources that are not current, the worries."""
    rows = list(book.evidence.metrics.values())
    cells = sorted(rows, key=lambda row: (_place(row), row["freshness"] == "stale", row["title"]))
    levels = [level for level in _LEVELS if any(_level(row) == level for row in rows)]
    return {
        "verdict": _verdict(book),
        "cells": cells,
        "levels": levels,
        "counts": {level: f"level.{level}" for level in ("critical", "warning")},
        "trouble": _trouble(book),
        "worries": worries(book),
    }


def _verdict(book: Book) -> dict[str, bool]:
    stale = book.number("freshness.stale") or Decimal(0)
    metrics = book.number("freshness.metrics") or Decimal(0)
    return {
        "critical": bool(book.number("level.critical")),
        "warning": bool(book.number("level.warning")),
        "stale": bool(stale),
        "blind": bool(metrics) and stale * 2 > metrics,
    }


def _level(row: Mapping[str, Any]) -> str:
    return str(row["level"]) if row["level"] in _LEVELS else "unknown"


def _place(row: Mapping[str, Any]) -> int:
    return _LEVELS.index(_level(row))


def _trouble(book: Book) -> dict[str, Any]:
    """Sources that failed or are old, and those never read; checks and figures that broke."""
    failed: dict[str, list[str]] = {}
    stale: dict[str, list[str]] = {}
    never: dict[str, list[str]] = {}
    for stream, row in sorted(book.evidence.streams.items()):
        if row["as_of"] is None:
            never.setdefault(row["source"], []).append(stream)
        elif row["last_status"] == "failed":
            failed.setdefault(row["source"], []).append(stream)
        elif book.evidence.source(stream).is_stale:
            stale.setdefault(row["source"], []).append(stream)
    alarms = {m: book.evidence.alarm(m) for m in sorted(book.evidence.metrics)}
    broken = [m for m, alarm in alarms.items() if alarm == "broken"]
    wrong = [m for m, alarm in alarms.items() if alarm == "failed"]
    figures = sorted(r.claim.claim_id for r in book.results.values() if r.error)
    shown = bool(failed or stale or never or broken or wrong or figures)
    found = {"failed": failed, "stale": stale, "never": never}
    return {**found, "checks": broken, "wrong": wrong, "figures": figures, "shown": shown}


def worries(book: Book) -> list[dict[str, Any]]:
    """The metrics above their levels, those that get worse and the headlines first."""

    def weight(item: dict[str, Any]) -> tuple[int, int, int, str]:
        metric_id = item["row"]["metric_id"]
        worsens = item["trend"].get("good") == "Worsening"
        return (-gravity(item["row"]), -int(worsens), -int(metric_id in HEADLINES), metric_id)

    found = [
        {"row": row, "trend": trend_of(book, metric_id)}
        for metric_id, row in book.evidence.metrics.items()
        if row["level"] in {"critical", "warning"}
    ]
    return sorted(found, key=weight)[:WORRIES]
