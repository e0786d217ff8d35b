"""What tests of several folders share: one whole demo, run once in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

ACCOUNTS = 600
PAYGO = str(Path(sys.executable).with_name("paygo"))


@dataclass(frozen=True)
class DemoHome:
    """A home that `paygo demo` has filled, and what that command said."""

    home: Path
    result: subprocess.CompletedProcess[str]

    def paygo(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this home as a user would; nothing of the caller's settings leaks."""
        return run_paygo(self.home, *arguments, **environment)


# Workers take files in this order, and the long ones first: one worker replays schedules while
# the other builds the demo that most of the rest waits for; then one builds the models before two
# want them. A long file that came last would leave the other worker without work.
LONG_FILES = (
    "contract/schedules/test_postgres_schedules.py",
    "e2e/test_demo.py",
    "contract/schedules/test_api_schedules.py",
    "contract/landing/test_kill.py",
    "dbt/test_contract.py",
    "bigquery/test_analysis.py",
    "bigquery/test_dialect_agreement.py",
    "browser/test_site.py",
    "replay/test_replays.py",
    "dbt/test_dialect.py",
    "replay/test_exactness.py",
    "dbt/test_metric_catalogue.py",
    "replay/test_keeping.py",
    "unit/dashboards/test_site.py",
    "unit/dashboards/test_editions.py",
)


@pytest.hookimpl(trylast=True)  # after pytest has grouped by fixtures
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((n for n, name in enumerate(LONG_FILES) if path.endswith(name)), 99)

    items.sort(key=place)


def run_paygo(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `paygo` on a home in a process of its own."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PAYGO_")}
    return subprocess.run(
        [PAYGO, *arguments],
        env={**inherited, "PAYGO_HOME": str(home), **environment},
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def shared_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """Name a folder that all test processes of this run share; guard it with a lock."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """The published scenario on a small world: sources, replay, models, checks, page.

    Test processes that run side by side share one: the first runs it, the others wait.
    """
    folder = shared_folder(tmp_path_factory, "demo")
    home, said = folder / "home", folder / "said.json"
    with FileLock(f"{folder}.lock"):
        if not said.exists():
            folder.mkdir(exist_ok=True)
            result = run_paygo(home, "demo", "--accounts", str(ACCOUNTS), "--seed", "1")
            said.write_text(
                json.dumps([result.args, result.returncode, result.stdout, result.stderr])
            )
    result = subprocess.CompletedProcess(*json.loads(said.read_text()))
    if result.returncode != 0:
        pytest.fail(f"the demo exited with {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return DemoHome(home, result)
