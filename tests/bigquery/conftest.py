"""Shared by the tests of this folder: builds against the analyzer, the installed emulator."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.bigquery import emulator
from tests.bigquery.analyzer_server import AnalyzerServer
from tests.bigquery.project import landed_catalog, run_dbt

WORKLIST_COUNTS = ("loads_judged", "entities")
"""Columns of what a kept model asks its worklist before anything else."""
UNJUDGED = ("stream", "first_micros", "later_micros")
"""Columns of what a worklist asks the ledger before it is written."""
SINCE = "1774310400000000"
WORKLISTS = {
    "int_drift__stripe_worklist": "engine.subs_object_products_element",
    "int_drift__zone_plan_worklist": "core.zones",
    "int_drift__merged_worklist": "engine.subs_customer",
}
"""Worklists of kept models, each with a stream of which they read first and later loads."""


@dataclass(frozen=True)
class Analyzed:
    """A build: what dbt said, what the server saw, where dbt's artefacts are."""

    server: AnalyzerServer
    folder: Path
    said: str
    code: int
    known: int = 0
    """Statements that the server had seen before."""


@pytest.fixture(scope="session")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyzed]:
    """Everything that a run builds: seeds, models with their DDL, data tests, snapshots."""
    folder = tmp_path_factory.mktemp("analyzed")
    with AnalyzerServer(landed_catalog()) as server:
        server.rows[WORKLIST_COUNTS] = [("0", "0")]
        done = run_dbt(server, folder, "build", "--exclude-resource-types", "unit_test")
        yield Analyzed(server, folder, done.stdout + done.stderr, done.returncode)


@pytest.fixture(scope="session")
def analyzed_again(analyzed: Analyzed, tmp_path_factory: pytest.TempPathFactory) -> Analyzed:
    """The second run of what a run only adds to: one entity of every kind is on the worklists.

    The worklists are written too, when only a later load of their streams is not judged.
    """
    folder = tmp_path_factory.mktemp("again")
    # What dbt has parsed already, so that it does not parse the project again.
    shutil.copytree(analyzed.folder / "target", folder / "target")
    known = len(analyzed.server.statements)
    analyzed.server.rows |= {
        WORKLIST_COUNTS: [("1", "1")],
        UNJUDGED: [(stream, None, SINCE) for stream in WORKLISTS.values()],
    }
    added_to = ("config.materialized:kept", "config.materialized:incremental", *WORKLISTS)
    done = run_dbt(analyzed.server, folder, "run", "--select", *added_to)
    said = done.stdout + done.stderr
    return Analyzed(analyzed.server, folder, said, done.returncode, known)


@pytest.fixture(scope="session")
def emulator_home() -> Path:
    """Where the emulator is installed, once for all processes; skipped without its Python."""
    home = emulator.HOME.resolve()
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "prepare.lock"):
            emulator.prepare(home)
    except emulator.MissingInterpreter as error:
        pytest.skip(str(error))
    return home
