"""dbt as a command: what every call of it is told, whoever makes the call.

Belongs here: executable, environment, variables, the folder of its artefacts, the manifest, a call
without Dagster. Does not: SQL, assets (`defs.dbt`), what a failed model means (`pipeline`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from orchestration.clock import iso
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.workspace import DBT_PROJECT, make_folder, metric_ids

DBT_EXECUTABLE = str(Path(sys.executable).with_name("dbt"))

_SAID_CHARACTERS = 2_000


def target_folder(settings: Settings) -> Path:
    """Return (and create) the folder of dbt's artefacts."""
    name = "target" if settings.target == "duckdb" else f"target-{settings.target}"
    return make_folder(settings.home / "dbt" / name).resolve()


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Return what the profile reads: where the warehouse is and what a query may cost."""
    return {
        "PAYGO_TARGET": settings.target,
        "PAYGO_BIGQUERY_PROJECT": settings.bigquery_project,
        "PAYGO_BIGQUERY_LOCATION": settings.bigquery_location,
        "PAYGO_BIGQUERY_API_ENDPOINT": settings.bigquery_api_endpoint,
        "PAYGO_BIGQUERY_MAXIMUM_BYTES_BILLED": str(settings.bigquery_maximum_bytes_billed),
        "PAYGO_DUCKDB_PATH": str(settings.run_warehouse_path.resolve()),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # Its file otherwise repeats every statement with every event: half a second in ten.
        "DBT_LOG_LEVEL_FILE": "info",
    }


def dbt_vars(as_of: datetime) -> list[str]:
    """Return the arguments that hand the run's moment and the metrics' names to the models."""
    return ["--vars", json.dumps({"as_of": iso(as_of), "metric_ids": metric_ids()})]


def run_dbt(
    settings: Settings, as_of: datetime, *command: str, failure: str, todo: str = ""
) -> None:
    """Run one command of dbt in a process of its own, on the working copy, as of a moment.

    PermanentFailure says `failure`, what dbt said last, and `todo`.
    """
    folder = str(target_folder(settings))
    make_folder(settings.run_warehouse_path.parent)
    done = subprocess.run(
        [
            *(DBT_EXECUTABLE, "--quiet", "--no-use-colors", *command),
            *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
            *("--target", settings.target, "--target-path", folder, "--log-path", folder),
            *dbt_vars(as_of),
        ],
        env={**os.environ, **dbt_environment(settings)},
        cwd=DBT_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PermanentFailure(
            f"{failure}: {(done.stdout + done.stderr).strip()[-_SAID_CHARACTERS:]}",
            tried=f"dbt {' '.join(command)} as of {iso(as_of)}",
            todo=todo,
        )


def prepare_manifest(settings: Settings, as_of: datetime | None = None) -> Path:
    """Parse the dbt project when a file of it is newer than its manifest; return the manifest."""
    manifest = target_folder(settings) / "manifest.json"
    if manifest.exists() and manifest.stat().st_mtime >= _newest_source():
        return manifest
    run_dbt(
        settings,
        as_of or settings.clock().now(),
        "parse",
        failure="dbt cannot parse its project",
        todo="correct the file that dbt names.",
    )
    return manifest


def _newest_source() -> float:
    folders = ("models", "macros", "seeds", "tests")
    files = [p for name in folders for p in (DBT_PROJECT / name).rglob("*") if p.is_file()]
    return max(p.stat().st_mtime for p in (*files, *DBT_PROJECT.glob("*.yml")))
