"""A run in a process of its own that is killed (SIGKILL) at a given point.

Points are the moments between which something is read or written: every statement to the
warehouse and every answer of an API, counted in the order in which they come.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from orchestration.clock import parse_utc
from orchestration.extraction import extract_source
from orchestration.settings import Settings
from orchestration.sources.http import HttpSource
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.duckdb import DuckDbWarehouse

SOURCES = ("engine", "stripe", "jira")
STREAMS = {
    "engine.subs_account",
    "engine.subs_stuck_events",
    "stripe.customers",
    "stripe.subscriptions",
    "stripe.subscription_items",
    "jira.issues",
    "jira.changelog_items",
}


class Points:
    """Counts, and ends the process at the chosen one; nothing can catch that."""

    def __init__(self, last: int | None) -> None:
        self.passed = 0
        self._last = last

    def reach(self) -> None:
        self.passed += 1
        if self.passed == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: type, name: str) -> None:
        """Make every call of a method a point: before it, and after it."""
        method = getattr(owner, name)

        def watched(instance: Any, *args: Any, **options: Any) -> Any:
            self.reach()
            found = method(instance, *args, **options)
            self.reach()
            return found

        setattr(owner, name, watched)


def start(target: Callable[..., None], *args: object) -> BaseProcess:
    """Start a process of its own, forked from one that has loaded the program."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def run(home: Path, values: dict[str, Any], as_of: str, kill_at: int | None) -> None:
    """Extract and publish; the number of points is left in `<home>/points`."""
    points = Points(kill_at)
    points.watch(DuckDbWarehouse, "_run")
    points.watch(DuckDbWarehouse, "publish")
    points.watch(HttpSource, "_send")
    settings = Settings(home=home, **values)
    with open_warehouse(settings, "write") as warehouse:
        for source in SOURCES:
            extract_source(
                source,
                settings=settings,
                warehouse=warehouse,
                as_of=parse_utc(as_of),
                run_id="killed",
                streams=[s for s in STREAMS if s.startswith(source + ".")],
            )
        warehouse.publish()
    (home / "points").write_text(str(points.passed))
