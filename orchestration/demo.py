"""`paygo demo`: simulated sources, thirty days of daily runs, and the page, in one command.

Belongs here: the world, the platform's life, the replay of days, what of it is planned.
Does not: the stages of a run (`pipeline`) or how the result is printed (`console`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from orchestration.clock import iso, parse_utc
from orchestration.dbt_command import prepare_manifest
from orchestration.errors import PermanentFailure
from orchestration.pipeline import RunReport, Stages
from orchestration.settings import Settings
from orchestration.simulation.world.times import NOW
from orchestration.sources.contract import CONTRACT, tables
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.base import Warehouse
from orchestration.workspace import make_folder, run_lock

Wanted = dict[datetime, dict[str, list[str]]]
"""Streams to extract, by moment and source."""

# Everybody in the simulated world is invented: this key has nothing to hide, and with the same
# one the same seed lands the same rows.
_HASH_KEY = "simulated"

FILE_SOURCES = ("knowledge", "tickets")


class Watcher(Protocol):
    """Told of the demo's progress; see `console`."""

    def stage(self, name: str) -> None: ...

    def note(self, text: str) -> None: ...

    def days(self, total: int) -> Callable[[datetime], None]: ...

    def world(self) -> Callable[[float, str], None]: ...


@dataclass(frozen=True)
class DemoChoice:
    """Which world: its size, seed and scenario."""

    accounts: int
    seed: int
    scenario: str


@dataclass(frozen=True)
class World:
    """What `world.json` says: the moments at which the platform changes, the revoked key."""

    boundaries: tuple[datetime, ...]
    stripe_key_revoked_at: datetime | None
    identity: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> World:
        document = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        revoked = document.get("stripe_key_revoked_at")
        names = ("accounts", "seed", "scenario", "version")
        return cls(
            tuple(parse_utc(text) for text in document["boundaries"]),
            parse_utc(revoked) if revoked else None,
            {name: document[name] for name in names},
        )

    def planned_failures(self, at: datetime) -> frozenset[str]:
        """Streams that the scenario makes unreadable at that moment."""
        if self.stripe_key_revoked_at is None or at < self.stripe_key_revoked_at:
            return frozenset()
        return frozenset(t.stream for t in tables("stripe"))


def run_demo(home: Path, choice: DemoChoice, watcher: Watcher) -> RunReport:
    """Bring the home to the demo's last moment; a second call continues where the first ended.

    Errors: TransientFailure when a run holds the home; PermanentFailure for bad input.
    """
    settings = Settings(home=home, _env_file=None)
    with run_lock(settings):
        return _demo(settings, choice, watcher)


def _demo(settings: Settings, choice: DemoChoice, watcher: Watcher) -> RunReport:
    check_choice(choice)  # before anything that takes time
    from orchestration.defs.instance import passing_instance

    now = datetime.fromtimestamp(NOW, UTC)
    settings = settings.model_copy(update={"now": iso(now)})
    folder = settings.home / "world"
    # Thousands of events: on disk, Dagster's log would cost more than the work it records.
    stages = Stages(settings, now, instance=passing_instance(), on_stage=watcher.stage)
    with ThreadPoolExecutor(1) as background:
        # dbt parses in a process of its own while one core is free.
        manifest = background.submit(prepare_manifest, settings)
        with stages.stage("world"):
            make_world(folder, choice, watcher)
        world = World.read(folder)
        _start_over_if_other_world(settings, world, watcher)
        _replay(stages, world, folder, watcher)
        with stages.stage("parse"):
            manifest.result()
    stages.report.planned = world.planned_failures(now)
    stages.finish()
    return stages.report


def check_choice(choice: DemoChoice) -> None:
    """Raise PermanentFailure for a world that cannot be."""
    from orchestration.simulation.world import refuse_impossible

    try:
        refuse_impossible(choice.accounts, choice.scenario)
    except ValueError as error:
        raise PermanentFailure(f"{error}.", todo="choose another world.") from error


def refuse_sources(settings: Settings) -> None:
    """Raise PermanentFailure when sources are configured: the demo brings its own."""
    if others := settings.other_sources():
        raise PermanentFailure(
            f"the demo brings its own sources, and .env or the environment sets "
            f"{', '.join(others)}: no later command could tell which to read.",
            todo="unset them (or move .env away) while you look at the demo.",
        )


def make_world(folder: Path, choice: DemoChoice, watcher: Watcher) -> None:
    """Generate the world unless the folder holds it; PermanentFailure says what is refused."""
    from orchestration.simulation.world import generate

    check_choice(choice)
    generate(choice.accounts, choice.seed, choice.scenario, folder, watcher.world())


def _start_over_if_other_world(settings: Settings, world: World, watcher: Watcher) -> None:
    """Remove the working copy when it was filled from another world; readers keep the old one."""
    stamp = make_folder(settings.home / "run") / "world.json"
    text = json.dumps(world.identity, sort_keys=True)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == text:
        return
    if settings.run_warehouse_path.exists():
        watcher.note(
            f"{settings.home} holds another world; starting a fresh warehouse "
            f"for {choice_text(world.identity)}."
        )
        for path in settings.run_warehouse_path.parent.glob("warehouse.duckdb*"):
            path.unlink()
    stamp.write_text(text, encoding="utf-8")


def choice_text(identity: dict[str, Any]) -> str:
    """Return the world's name for people."""
    return (
        f"{identity['accounts']:,} accounts, seed {identity['seed']}, "
        f"scenario {identity['scenario']}"
    )


def _replay(stages: Stages, world: World, folder: Path, watcher: Watcher) -> None:
    """Extract every moment that is not in the ledger yet, in one Dagster run."""
    from orchestration.simulation.platform import SimulatedPlatform

    with open_warehouse(stages.settings, "write") as warehouse:
        wanted = outstanding(warehouse, world.boundaries)
        if not wanted:
            watcher.note("Every stream is complete up to the demo's last moment.")
            return
        with stages.stage("start sources"):
            platform = SimulatedPlatform(folder, stages.settings.home / "sources")
            environment = {**platform.start().environment(), "PAYGO_HASH_KEY": _HASH_KEY}
            environment["PAYGO_GRAPH_FOLDER"] = str(_write_graph(stages.settings, world))
        try:
            write_settings(stages.settings, environment)
            stages.settings = with_endpoints(stages.settings, environment)
            _extract_days(stages, wanted, warehouse, platform.advance, watcher)
        finally:
            platform.close()


def _write_graph(settings: Settings, world: World) -> Path:
    """Write the knowledge graph of the demo's scenario beside the other sources."""
    from orchestration.simulation.graph import write_graph

    folder = (settings.home / "sources" / "graph").resolve()
    return write_graph(folder, world.identity["seed"], world.identity["scenario"])


def outstanding(warehouse: Warehouse, moments: Sequence[datetime]) -> Wanted:
    """Return what is left to extract: streams behind a moment and not attempted at it.

    At the last moment an earlier failure is tried again; a day that has passed is not,
    because no source can be read as it was then. Authored knowledge and the classifier's
    rules are files of today: they are read at the last moment only.
    """
    reached = {
        row["stream"]: row["as_of"].replace(tzinfo=UTC)
        for row in warehouse.rows("select stream, as_of from ops.stream_cursors")
    }
    attempted = {
        (row["stream"], row["as_of"].replace(tzinfo=UTC)): row["is_ok"]
        for row in warehouse.rows(
            "select stream, as_of, bool_or(status = 'ok') as is_ok from ops.stream_runs "
            "group by stream, as_of"
        )
    }
    wanted: Wanted = {}
    for moment in moments:
        for table in CONTRACT:
            behind = table.stream not in reached or reached[table.stream] < moment
            last = moment == moments[-1]
            # Behind and yet attempted well: a list that was not due for its sweep.
            went_well = attempted.get((table.stream, moment))
            again = went_well is None or (last and not went_well)
            if behind and again and (last or table.source not in FILE_SOURCES):
                day = wanted.setdefault(moment, {})
                day.setdefault(table.source, []).append(table.stream)
    return wanted


def _extract_days(
    stages: Stages,
    wanted: Wanted,
    warehouse: Warehouse,
    advance: Callable[[datetime], None],
    watcher: Watcher,
) -> None:
    def streams_of(as_of: datetime, source: str) -> Collection[str]:
        return wanted[as_of].get(source, [])

    runtime = stages.runtime(sorted(wanted))
    runtime.open_warehouse = warehouse
    runtime.advance = advance
    runtime.wanted = streams_of
    runtime.on_day = watcher.days(len(wanted))
    with stages.stage("extract"):
        stages.replay(runtime)


def with_endpoints(settings: Settings, environment: dict[str, str]) -> Settings:
    """Return the settings with the sources' addresses and credentials filled in."""
    values = {name.removeprefix("PAYGO_").lower(): text for name, text in environment.items()}
    # The simulated limits govern; the pace meant for a live account would only slow the demo,
    # as would reading again what a complete feed of changes has told already.
    pace = {
        "stripe_requests_per_second": 1000.0,
        "stripe_endpoint_requests_per_second": 1000.0,
        "stripe_connections": 6,
        "stripe_reconcile_days": 0,
        "jira_reconcile_days": 0,
        "jira_requests_per_second": 1000.0,
        "jira_connections": 2,
    }
    return Settings.model_validate({**settings.model_dump(), **values, **pace})


def write_settings(settings: Settings, environment: dict[str, str]) -> None:
    """Leave clock and endpoints for later commands on this home (loopback only, all simulated)."""
    lines = [f"PAYGO_NOW={settings.now}", *(f"{k}={v}" for k, v in sorted(environment.items()))]
    path = settings.home / "settings.env"
    temporary = path.with_suffix(".env.tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)
