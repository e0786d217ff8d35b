"""One build of the whole dbt project against the analyzer, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bigquery.analyzer_server import AnalyzerServer
from tests.bigquery.project import landed_catalog, run_dbt


@dataclass(frozen=True)
class Analyzed:
    """A build: what dbt said, what the server saw, where dbt's artefacts are."""

    server: AnalyzerServer
    folder: Path
    said: str
    code: int


@pytest.fixture(scope="session")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyzed]:
    """Everything that a run builds: seeds, models with their DDL, data tests, snapshots."""
    folder = tmp_path_factory.mktemp("analyzed")
    with AnalyzerServer(landed_catalog()) as server:
        done = run_dbt(server, folder, "build", "--exclude-resource-types", "unit_test")
        yield Analyzed(server, folder, done.stdout + done.stderr, done.returncode)
