"""Between runs: sensors ask for evaluations and speak when there are none."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from orchestration.alerting.heartbeat import Heartbeat, beat
from orchestration.defs.alerts import alert_evaluation, dead_man_watch
from orchestration.settings import Settings


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("PAYGO_HOME", str(tmp_path))
    monkeypatch.setenv("PAYGO_NOW", "2026-03-24T06:00:00Z")
    return monkeypatch


def requested() -> str | None:
    found = alert_evaluation(dg.build_sensor_context())
    assert isinstance(found, dg.RunRequest)
    return found.run_key


def test_one_evaluation_is_asked_for_every_half_hour(clock: pytest.MonkeyPatch) -> None:
    first = requested()
    clock.setenv("PAYGO_NOW", "2026-03-24T06:29:59Z")
    assert requested() == first
    clock.setenv("PAYGO_NOW", "2026-03-24T06:30:00Z")
    assert requested() != first


def test_the_watch_sees_a_stopped_evaluator(clock: pytest.MonkeyPatch, tmp_path: Path) -> None:
    beat(Settings.load(), Heartbeat("2026-03-24T05:30:00Z", 18, 0, 0))
    alive = dead_man_watch(dg.build_sensor_context())
    assert isinstance(alive, dg.SkipReason)
    assert (alive.skip_message or "").startswith("alive")
    clock.setenv("PAYGO_NOW", "2026-03-24T08:00:00Z")
    silent = dead_man_watch(dg.build_sensor_context())
    assert isinstance(silent, dg.SkipReason)
    assert (silent.skip_message or "").startswith("silent")
