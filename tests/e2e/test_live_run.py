"""`paygo run` to its end: real sources over real protocols, from the source to the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from orchestration.clock import iso
from orchestration.demo import World
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.contract import CONTRACT
from tests.conftest import DemoHome, run_paygo

LATER = "2026-03-24T07:00:00Z"
AT = datetime.fromisoformat(LATER).replace(tzinfo=None)  # as the warehouse stores it


@pytest.fixture
def sources(demo_home: DemoHome, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The demo's platform at its last moment, and the settings that lead to it."""
    world, graph = demo_home.home / "world", demo_home.home / "sources" / "graph"
    with SimulatedPlatform(world, tmp_path / "sources") as platform:
        platform.advance(World.read(world).boundaries[-1])
        own = {"PAYGO_HASH_KEY": "simulated", "PAYGO_GRAPH_FOLDER": str(graph)}
        yield {**platform.endpoints.environment(), **own}


@pytest.mark.full  # a run costs a whole build
def test_a_live_run_goes_from_the_sources_to_the_page(
    demo_home: DemoHome, tmp_path: Path, sources: dict[str, str]
) -> None:
    """An hour after the demo: what can be read is read anew; Stripe's key is still revoked."""
    home = tmp_path / "home"
    demos_own = shutil.ignore_patterns("sources", "world", "settings.env")
    shutil.copytree(demo_home.home, home, ignore=demos_own)
    done = run_paygo(home, "run", PAYGO_NOW=LATER, **sources)
    assert done.returncode == 2, done.stdout + done.stderr
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        runs = dict(
            warehouse.execute(
                "select stream, status from ops.stream_runs where as_of = ?", [AT]
            ).fetchall()
        )
        reached = dict(warehouse.execute("select stream, as_of from ops.stream_cursors").fetchall())
    stripe = {t.stream for t in CONTRACT if t.source == "stripe"}
    assert {stream for stream, status in runs.items() if status != "ok"} == stripe
    assert {stream for stream, as_of in reached.items() if as_of != AT} == stripe
    status = json.loads(run_paygo(home, "status", "--json", PAYGO_NOW=LATER).stdout)
    assert sorted(m["freshness"] for m in status["metrics"]) == ["fresh"] * 7 + ["stale"] * 11
    assert "07:00" in (home / "site" / "index.html").read_text("utf-8")


@pytest.mark.full  # a run costs a whole build
def test_a_first_run_ends_with_a_page(tmp_path: Path) -> None:
    """One moment has been read: most metrics have no complete day yet, and the page says so."""
    home, world = tmp_path / "home", tmp_path / "world"
    options = ("--accounts", "300", "--scenario", "calm", "--out", str(world))
    assert run_paygo(home, "world", *options).returncode == 0
    moment = World.read(world).boundaries[0]
    with SimulatedPlatform(world, tmp_path / "sources") as platform:
        platform.advance(moment)
        sources = {**platform.endpoints.environment(), "PAYGO_HASH_KEY": "simulated"}
        done = run_paygo(home, "run", PAYGO_NOW=iso(moment), **sources)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (home / "site" / "index.html").read_text("utf-8")
    assert "no trend yet" in page
    report = json.loads(run_paygo(home, "verify", "--json", PAYGO_NOW=iso(moment)).stdout)
    assert report["reproduced"] == report["claims"] > 300
