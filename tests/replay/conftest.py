"""The compiled project and small worlds, made once a test process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import DemoHome
from tests.replay.models import CompiledProject

AS_OF = "2026-03-24T06:00:00Z"


@pytest.fixture(scope="session")
def project(demo_home: DemoHome) -> CompiledProject:
    """What dbt compiled for the shared demo: the same moment, the same models."""
    manifest = demo_home.home / "dbt" / "target" / "manifest.json"
    compiled = CompiledProject.of(json.loads(Path(manifest).read_text()))
    assert all(
        n.get("compiled_code") for n in compiled.nodes.values() if n["resource_type"] == "model"
    )
    return compiled
