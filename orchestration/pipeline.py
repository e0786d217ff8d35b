"""One run: extract, build, check, alert, write the page, publish. Each stage a Dagster run.

Belongs here: the order of the stages, what a failure of each means, exit codes. Does not:
what a stage does (`orchestration.defs` and the parts behind it) or the demo's replay.

A source that fails does not stop the others: dbt builds on what is committed. Nothing is
published unless the build has succeeded, so readers keep the last finished state; what else
publishes the working copy is held to that by a marker (`orchestration.warehouse.publishing`).
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestration.clock import iso
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT, RawTable
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.publishing import build_marker, refuse_unfinished
from orchestration.workspace import dagster_home, make_folder, run_lock

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.defs.runtime import Attempt, Runtime
    from orchestration.warehouse.base import Warehouse

OK, NOTHING_DONE, PARTLY_DONE = 0, 1, 2

StageHook = Callable[[str], None]

# Dagster's console logger repeats every event on stderr; its event log keeps them all.
QUIET_LOGGER = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunReport:
    """What a run did: attempts of every stream, problems a stage, seconds a stage."""

    as_of: datetime
    attempts: list[Attempt] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    planned: frozenset[str] = frozenset()
    """Streams whose failure the scenario plans; they do not change the exit code."""

    @property
    def failed(self) -> dict[str, Attempt]:
        """Last attempt of each stream whose last attempt failed."""
        last = {a.outcome.stream: a for a in self.attempts}
        return {name: a for name, a in last.items() if a.outcome.status == "failed"}

    @property
    def exit_code(self) -> int:
        """0 fine, 1 nothing was done, 2 done in part."""
        unplanned = set(self.failed) - self.planned
        if self.attempts and unplanned and all(a.outcome.status == "failed" for a in self.attempts):
            return NOTHING_DONE
        return PARTLY_DONE if unplanned or self.problems else OK

    def summary(self) -> str:
        """Return one line that names what failed, or says that nothing did."""
        parts = [f"{name}: {a.outcome.error}" for name, a in sorted(self.failed.items())]
        return "; ".join((*parts, *self.problems)) or f"run of {iso(self.as_of)} complete"


def run_pipeline(
    settings: Settings,
    *,
    select: Sequence[str] = (),
    instance: dg.DagsterInstance | None = None,
    on_stage: StageHook | None = None,
    full_refresh: bool = False,
) -> RunReport:
    """Run every stage once against the configured sources, at the clock's moment.

    `select` names sources or streams to read; empty means all. `full_refresh` builds kept models
    from everything that has landed, not from what the loads touched. Errors: TransientFailure
    when another run holds the home; PermanentFailure when nothing is configured or the build
    fails.
    """
    streams = selected_streams(select, settings)
    as_of = settings.clock().now()
    with run_lock(settings):
        stages = Stages(
            settings, as_of, instance=instance, on_stage=on_stage, full_refresh=full_refresh
        )
        stages.extract(streams)
        if stages.report.exit_code != NOTHING_DONE:
            stages.finish()
        return stages.report


def rebuild_page(settings: Settings) -> None:
    """Write the page again from what is built, and publish its edition. Extracts nothing."""
    from dashboards.build import build_site

    with open_warehouse(settings, "read"):
        pass  # says what to do when nothing was ever published
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        refuse_unfinished(build_marker(settings), "writing the page")
        build_site(warehouse, settings, settings.clock().now())
        warehouse.publish()


def selected_streams(select: Sequence[str], settings: Settings) -> list[str]:
    """Return the streams that `select` names; PermanentFailure lists the known names."""
    known = {t.stream: t for t in CONTRACT}
    sources = {t.source for t in CONTRACT}
    unknown = [name for name in select if name not in known and name not in sources]
    if unknown:
        raise PermanentFailure(
            f"nothing is called {', '.join(unknown)}.",
            todo=f"use a source ({', '.join(sorted(sources))}) or a stream (stripe.invoices).",
        )
    chosen = [t for t in CONTRACT if not select or t.source in select or t.stream in select]
    missing = unconfigured({t.source for t in chosen}, settings)
    if missing:
        lines = ", ".join(f"{source} ({variable})" for source, variable in missing.items())
        raise PermanentFailure(
            f"no credentials for {lines}.",
            todo="set the variables in the environment or .env, or choose sources with --select; "
            "`paygo doctor` checks them, `make demo` starts simulated sources.",
        )
    return [t.stream for t in chosen]


def unconfigured(sources: Collection[str], settings: Settings) -> dict[str, str]:
    """Return the first missing variable of every source that lacks one."""
    needed = {
        "engine": (("PAYGO_ENGINE_DSN", settings.engine_dsn),),
        "billing": (("PAYGO_BILLING_DSN", settings.billing_dsn),),
        "core": (("PAYGO_CORE_DSN", settings.core_dsn),),
        "stripe": (("PAYGO_STRIPE_API_KEY", settings.stripe_api_key),),
        "jira": (
            ("PAYGO_JIRA_BASE_URL", settings.jira_base_url),
            ("PAYGO_JIRA_EMAIL", settings.jira_email),
            ("PAYGO_JIRA_API_TOKEN", settings.jira_api_token),
        ),
    }
    return {
        source: next(name for name, value in needed[source] if not value)
        for source in sorted(sources)
        if source in needed and not all(value for _, value in needed[source])
    }


class Stages:
    """The stages of one run on one home; the caller holds the run lock."""

    def __init__(
        self,
        settings: Settings,
        as_of: datetime,
        *,
        instance: dg.DagsterInstance | None = None,
        on_stage: StageHook | None = None,
        full_refresh: bool = False,
    ) -> None:
        self.settings = settings.model_copy(update={"run": run_name(as_of)})
        self.as_of = as_of
        self.report = RunReport(as_of)
        self._on_stage = on_stage
        self._full_refresh = full_refresh
        self._instance = instance
        self._definitions: dg.Definitions | None = None

    def _dagster(self) -> dg.DagsterInstance:
        """Return the instance whose records lie under the home, made once."""
        if self._instance is None:
            import dagster as dg

            self._instance = dg.DagsterInstance.from_config(str(dagster_home(self.settings)))
        return self._instance

    def runtime(self, as_ofs: Sequence[datetime] = ()) -> Runtime:
        """Return what the Dagster run of a stage is handed."""
        from orchestration.defs.runtime import Runtime

        return Runtime(
            settings=self.settings,
            run_id=run_name(self.as_of),
            as_ofs=tuple(as_ofs) or (self.as_of,),
            full_refresh=self._full_refresh,
            holds_lock=True,
        )

    def extract(self, streams: Collection[str]) -> None:
        """Extract the streams, source by source; a source that fails leaves the others be."""
        from orchestration.defs.raw import raw_key
        from orchestration.defs.stages import EXTRACT

        tables: list[RawTable] = [t for t in CONTRACT if t.stream in streams]
        runtime = self.runtime()
        with self.stage("extract"), open_warehouse(self.settings, "write") as warehouse:
            runtime.open_warehouse = warehouse
            result = self._run(EXTRACT, runtime, [raw_key(t) for t in tables])
        self.report.attempts.extend(runtime.attempts)
        if not result.success and not self.report.failed:
            # A step failed before any stream could report: the run is not complete.
            self.report.problems.append(f"extraction: {_first_error(result)}")

    def replay(self, runtime: Runtime) -> None:
        """Extract many moments in one Dagster run (a run a day costs more than its reading)."""
        import dagster as dg

        from orchestration.defs.raw import replay_assets
        from orchestration.defs.runtime import RUNTIME

        with self._quiet():
            result = dg.materialize(
                [replay_assets()],
                instance=self._dagster(),
                raise_on_error=False,
                run_config=QUIET_LOGGER,
                resources={RUNTIME: runtime},
            )
        self.report.attempts.extend(runtime.attempts)
        if not result.success:
            # A stream's failure never fails the step: days are missing, so nothing may be built.
            raise PermanentFailure(
                f"the replay stopped: {_first_error(result)}",
                tried="extracting the days one after the other; what was read is kept",
                todo="correct the cause and start it again: it continues where it stopped.",
            )

    def finish(self) -> None:
        """Build, check, alert, write the page, publish: everything after extraction."""
        self._build()
        runtime = self.runtime()
        with open_warehouse(self.settings, "write") as warehouse:
            runtime.open_warehouse = warehouse
            for job in ("check", "alert", "page"):
                if job == "page" and self._holds_back(warehouse):
                    continue
                with self.stage(job):
                    result = self._run(job, runtime)
                    if not result.success:
                        self.report.problems.append(f"{job}: {_first_error(result)}")
            with self.stage("publish"):
                warehouse.publish()

    def _holds_back(self, warehouse: Warehouse) -> bool:
        """Tell whether a check finds a number wrong: the page then keeps its last edition."""
        from orchestration.defs.quality import held_back

        wrong = held_back(warehouse, self.as_of)
        if wrong:
            self.report.problems.append(f"page held back, it would be wrong: {'; '.join(wrong)}")
        return bool(wrong)

    def _build(self) -> None:
        from orchestration.defs.stages import TRANSFORM

        with self.stage("build"), ThreadPoolExecutor(1) as background:
            background.submit(_import_later_stages)
            result = self._run(TRANSFORM, self.runtime())
        if not result.success:
            raise PermanentFailure(
                f"the models could not be built: {_first_error(result)}",
                tried="dbt build; nothing was published, readers keep the last finished state",
                todo=f"see {self.settings.home / 'logs'} for what dbt said.",
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and keep how long it took."""
        if self._on_stage is not None:
            self._on_stage(name)
        started = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - started
            self.report.seconds[name] = self.report.seconds.get(name, 0.0) + taken

    def _run(
        self, job: str, runtime: Runtime, keys: Sequence[dg.AssetKey] | None = None
    ) -> dg.ExecuteInProcessResult:
        from orchestration.defs.runtime import RUNTIME
        from orchestration.defs.stages import build_definitions, stage_job

        if self._definitions is None:
            self._definitions = build_definitions(self.settings)
        resources: Mapping[str, Any] = {**(self._definitions.resources or {}), RUNTIME: runtime}
        definition = stage_job(self._definitions, job, keys)
        with self._quiet():
            return definition.execute_in_process(
                instance=self._dagster(),
                raise_on_error=False,
                run_config=QUIET_LOGGER,
                resources=resources,
            )

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep what libraries print in a file: stdout belongs to the command's result."""
        log = make_folder(self.settings.home / "logs") / f"{run_name(self.as_of)}.log"
        with log.open("a", encoding="utf-8") as handle, redirect_stdout(handle):
            yield


def _import_later_stages() -> None:
    """Load heavy libraries of later stages while dbt works in a process of its own."""
    for module in ("great_expectations", "great_expectations.expectations", "dashboards.build"):
        importlib.import_module(module)


def run_name(as_of: datetime) -> str:
    """Name a run's files after the moment that it reads."""
    return f"run-{as_of:%Y%m%dT%H%M%SZ}"


def _first_error(result: dg.ExecuteInProcessResult) -> str:
    """Return the innermost message of every failed step, joined."""
    messages = []
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None and error.cls_name == "DagsterExecutionInterruptedError":
            raise KeyboardInterrupt  # Dagster takes an interrupt for a failed step
        messages.append(error.message.strip() if error is not None else str(event.message))
    return "; ".join(messages) or "Dagster gave no reason"
