"""The step that builds the models says so while it does: what is half built stays unread."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.dbt_command import prepare_manifest
from orchestration.defs.dbt import warehouse_models
from orchestration.defs.runtime import RUNTIME, Runtime
from orchestration.errors import TransientFailure
from orchestration.settings import Settings
from orchestration.warehouse.publishing import build_marker
from orchestration.workspace import run_lock
from tests.conftest import DemoHome

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, demo_home: DemoHome) -> Settings:
    # dbt has parsed the project for the demo; once is enough.
    shutil.copytree(demo_home.home / "dbt" / "target", tmp_path / "dbt" / "target")
    return Settings.model_validate({"home": tmp_path, "now": "2026-03-24T06:00:00Z"})


class Dbt:
    """Stands for dbt: sees whether the marker stands and the home is locked, then ends as told."""

    def __init__(self, settings: Settings, error: Exception | None = None) -> None:
        self.settings = settings
        self.error = error
        self.is_marked = self.is_locked = False
        self.warehouse: str | None = None

    def cli(self, *_: Any, **__: Any) -> Dbt:
        self.warehouse = os.environ.get("PAYGO_DUCKDB_PATH")
        return self

    def stream(self) -> Iterator[Any]:
        self.is_marked = build_marker(self.settings).exists()
        try:
            with run_lock(self.settings):
                pass
        except TransientFailure:
            self.is_locked = True
        if self.error:
            raise self.error
        yield from ()


def build(settings: Settings, dbt: Dbt, *, some: bool = False) -> bool:
    models = warehouse_models(prepare_manifest(settings))
    chosen = sorted(models.keys)[:1] if some else sorted(models.keys)
    result = dg.materialize(
        [models],
        selection=dg.AssetSelection.assets(*chosen),
        resources={RUNTIME: Runtime(settings, "run", (NOW,)), "dbt": dbt},
        raise_on_error=False,
    )
    return result.success


def test_the_marker_stands_until_all_models_are_built(settings: Settings) -> None:
    failed = Dbt(settings, RuntimeError("a model cannot be built"))
    assert not build(settings, failed)
    assert (failed.is_marked, failed.is_locked) == (True, True)
    assert build_marker(settings).exists()
    assert build(settings, Dbt(settings), some=True)
    assert build_marker(settings).exists(), "one model built is not all"
    assert build(settings, Dbt(settings))
    assert not build_marker(settings).exists()


def paygo_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("PAYGO_")}


def test_dbt_is_told_the_warehouse_and_this_process_keeps_its_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PAYGO_TARGET", raising=False)
    monkeypatch.setenv("PAYGO_DUCKDB_PATH", "another")
    before = paygo_variables()
    dbt = Dbt(settings)
    assert build(settings, dbt)
    assert dbt.warehouse == str(settings.run_warehouse_path.resolve())
    assert paygo_variables() == before
