"""The folder that everything generated lives in: its run lock and its Dagster home.

Belongs here: what protects `.paygo` from two writers. Does not: what a run does.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]
DBT_PROJECT = REPOSITORY / "dbt_project"
CATALOGUE_CSV = DBT_PROJECT / "seeds" / "metric_catalogue.csv"


def metric_ids(project: Path = DBT_PROJECT) -> list[str]:
    """Return the metrics that have a model: the files `metric_<id>.sql`, in order."""
    found = (project / "models").rglob("metric_*.sql")
    return sorted(path.stem.removeprefix("metric_") for path in found)


def make_folder(folder: Path) -> Path:
    """Create a folder; PermanentFailure says what stands in its way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentFailure(
            f"cannot create the folder {folder}: {error.strerror or error}.",
            todo="free the path or choose another one with PAYGO_HOME.",
        ) from error
    return folder


@contextmanager
def run_lock(settings: Settings) -> Iterator[None]:
    """Hold the home's only run lock; TransientFailure names the run that holds it."""
    path = make_folder(settings.home / "run") / "lock"
    try:
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise PermanentFailure(
            f"cannot write {path}: {error.strerror or error}.",
            todo="make the folder writable or choose another one with PAYGO_HOME.",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read().strip() or "unknown process"
            raise TransientFailure(
                f"another run is in progress on {settings.home} ({holder}).",
                todo="wait until it has ended; reading commands work meanwhile.",
            ) from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield


def dagster_home(settings: Settings) -> Path:
    """Return (and create) the folder of Dagster's own records, absolute as Dagster wants it."""
    home = make_folder(settings.home / "dagster").resolve()
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return home
