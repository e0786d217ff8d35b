"""The process is killed (SIGKILL) in the middle of a run and started again: nothing lost or twice.

The points are spread evenly over everything that a run of three sources does.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from orchestration.clock import iso
from orchestration.settings import Settings
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.contract import table
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.duckdb import DuckDbWarehouse
from tests.contract.landing.conftest import settings_for
from tests.contract.schedules import killed_run
from tests.contract.simulation.handmade import BASE

POINTS = 25
SHORT = (1, 7, 13, 19, 24)
"""Which of the points stand in `make test`; the others are in `make test-full`."""


def run(platform: SimulatedPlatform, home: Path, kill_at: int | None) -> int | None:
    """Run in a process of its own; its exit code."""
    settings = settings_for(platform, home)
    values = settings.model_dump(exclude={"home"}, exclude_defaults=True)
    process = killed_run.start(killed_run.run, home, values, iso(BASE), kill_at)
    process.join()
    return process.exitcode


def landed(home: Path) -> dict[str, Any]:
    """Rows (without the name of the attempt) and ledger of a finished home."""
    found: dict[str, Any] = {}
    with open_warehouse(Settings(home=home), "write") as warehouse:
        assert isinstance(warehouse, DuckDbWarehouse)
        for stream in sorted(killed_run.STREAMS):
            name = table(stream).raw_name
            found[name] = warehouse.execute(f"select * from raw.{name} order by all")
        found["ledger"] = warehouse.execute(
            "select * exclude (run_id, committed_at) from ops.load_ledger order by all"
        )
        strays = "select count(*) from ops.stream_cursors where load_id not in "
        assert warehouse.execute(strays + "(select load_id from ops.load_ledger)") == [(0,)]
    return found


@pytest.fixture(scope="module")
def whole(
    platform: SimulatedPlatform, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], int]:
    """What a run that nobody kills lands, and how many points it has."""
    home = tmp_path_factory.mktemp("whole")
    assert run(platform, home, None) == 0
    return landed(home), int((home / "points").read_text())


@pytest.mark.parametrize(
    "point",
    [p if p in SHORT else pytest.param(p, marks=pytest.mark.full) for p in range(POINTS)],
)
def test_a_killed_run_is_finished_by_the_next(
    point: int, platform: SimulatedPlatform, whole: tuple[dict[str, Any], int], tmp_path: Path
) -> None:
    expected, points = whole
    kill_at = 1 + point * (points - 1) // (POINTS - 1)
    assert run(platform, tmp_path, kill_at) == -signal.SIGKILL
    assert run(platform, tmp_path, None) == 0
    assert landed(tmp_path) == expected
