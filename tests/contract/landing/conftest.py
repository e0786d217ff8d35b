"""A warehouse of the test's own, and one simulated platform over the hand-made world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from orchestration.clock import iso
from orchestration.extraction import SOURCES, StreamOutcome, extract_source
from orchestration.settings import Settings
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import CONTRACT, table
from orchestration.warehouse import Warehouse, open_warehouse
from tests.contract.simulation.handmade import BASE, NEXT, base_folder, next_folder, write_world

Extract = Callable[..., dict[str, StreamOutcome]]
Sql = Callable[..., None]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """An empty warehouse open for writing."""
    with open_warehouse(Settings(home=tmp_path), "write") as opened:
        yield opened


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedPlatform]:
    """The platform of a module, at the first boundary; tests may move it forward."""
    folders = [(BASE, base_folder()), (NEXT, next_folder())]
    world = write_world(tmp_path_factory.mktemp("world"), folders)
    with SimulatedPlatform(world, tmp_path_factory.mktemp("home")) as running:
        running.advance(BASE)
        yield running


def settings_for(platform: SimulatedPlatform, home: Path, now: datetime = BASE) -> Settings:
    """Settings that point to the platform, with a fixed clock."""
    found = {k.removeprefix("PAYGO_").lower(): v for k, v in platform.environment().items()}
    for name in ("stripe", "stripe_endpoint", "jira"):
        found[f"{name}_requests_per_second"] = "1000"
    return Settings(home=home, now=iso(now), hash_key="test", **found)  # type: ignore[arg-type]


@pytest.fixture
def sql(platform: SimulatedPlatform) -> Iterator[Sql]:
    """Run a statement in the engine's database; its `undo` runs when the test ends."""
    undone: list[str] = []
    with platform.postgres.admin(DATABASES["engine"]) as connection:

        def run(statement: str, undo: str = "") -> None:
            connection.execute(statement)  # type: ignore[call-overload]
            if undo:
                undone.append(undo)

        yield run
        for statement in reversed(undone):
            connection.execute(statement)  # type: ignore[call-overload]


def without_required_numbers(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    """Let the numbers of a stream be NULL: what does not fit is then set aside and lands."""
    known = table(stream)
    columns = [replace(c, nullable=True) if c.type == "numeric" else c for c in known.columns]
    lenient = replace(known, columns=tuple(columns))
    changed = tuple(lenient if t.stream == stream else t for t in CONTRACT)
    monkeypatch.setattr("orchestration.sources.contract.CONTRACT", changed)


@pytest.fixture
def extract(platform: SimulatedPlatform, warehouse: Warehouse, tmp_path: Path) -> Iterator[Extract]:
    """Extract sources at a moment; outcomes by stream. The platform is healthy afterwards."""

    def run(
        *sources: str,
        as_of: datetime = BASE,
        streams: set[str] | None = None,
        into: Warehouse | None = None,
        **changes: object,
    ) -> dict[str, StreamOutcome]:
        settings = settings_for(platform, tmp_path, as_of).model_copy(update=changes)
        return {
            outcome.stream: outcome
            for source in sources or SOURCES
            for outcome in extract_source(
                source,
                settings=settings,
                warehouse=into or warehouse,
                as_of=as_of,
                run_id="run",
                streams=streams,
            )
        }

    yield run
    platform.heal()
