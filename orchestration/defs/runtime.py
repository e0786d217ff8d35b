"""What a Dagster run is handed: settings, the moments to read, the open warehouse.

Belongs here: the one resource of the raw assets. Does not: extraction itself
(`orchestration.extraction`) or the order of a run's stages (`orchestration.pipeline`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.clock import iso
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.extraction import StreamOutcome
    from orchestration.warehouse.base import Warehouse

RUNTIME = "runtime"

WRITING = "warehouse"
"""The pool of all that writes the warehouse: one run at a time, whoever starts it (README)."""


@dataclass(frozen=True)
class Attempt:
    """One stream read at one moment, as the run's report keeps it."""

    as_of: datetime
    outcome: StreamOutcome


@dataclass
class Runtime:
    """Settings and state of one run; `as_ofs` are read in order, each after `advance` to it."""

    settings: Settings
    run_id: str
    as_ofs: tuple[datetime, ...]
    open_warehouse: Warehouse | None = None
    holds_lock: bool = False
    """Whoever made this holds the home's run lock."""
    advance: Callable[[datetime], None] | None = None
    wanted: Callable[[datetime, str], Collection[str]] | None = None
    on_day: Callable[[datetime], None] | None = None
    full_refresh: bool = False
    """Whether the models judge everything anew instead of what the loads have touched."""
    attempts: list[Attempt] = field(default_factory=list)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """Yield the run's warehouse; opened (and locked) for the step when nobody did before."""
        from orchestration.warehouse import open_warehouse

        if self.open_warehouse is not None:
            with nullcontext(self.open_warehouse) as warehouse:
                yield warehouse
            return
        with self.locked(), open_warehouse(self.settings, "write") as warehouse:
            yield warehouse

    def locked(self) -> AbstractContextManager[None]:
        """Hold the home's run lock for a step, when its run does not."""
        from orchestration.workspace import run_lock

        return nullcontext() if self.holds_lock else run_lock(self.settings)

    def extract(
        self, as_of: datetime, source: str, streams: Collection[str], warehouse: Warehouse
    ) -> list[StreamOutcome]:
        """Read the streams of one source up to `as_of` and remember what came of each."""
        from orchestration.extraction import extract_source

        outcomes = extract_source(
            source,
            settings=at(self.settings, as_of),
            warehouse=warehouse,
            as_of=as_of,
            run_id=self.run_id,
            streams=streams,
        )
        self.attempts.extend(Attempt(as_of, outcome) for outcome in outcomes)
        return outcomes


def at(settings: Settings, moment: datetime) -> Settings:
    """Return the settings with the clock fixed at `moment`, when the run's clock is fixed."""
    return settings.model_copy(update={"now": iso(moment)}) if settings.now else settings


@dg.resource(description="Settings of the environment, for runs started from Dagster's interface.")
def environment_runtime(_: dg.InitResourceContext) -> Runtime:
    """Return the runtime of a run that no pipeline prepared."""
    from orchestration.pipeline import run_name

    settings = Settings.load()
    now = settings.clock().now()
    name = run_name(now)
    settings = settings.model_copy(update={"run": name})
    return Runtime(settings=settings, run_id=name, as_ofs=(now,))
