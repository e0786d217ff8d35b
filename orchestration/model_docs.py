"""dbt's documentation of the models as one static page that opens without a server.

Belongs here: the call of dbt and where the page goes. Does not: what the page says, which is the
descriptions beside the models.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.defs.dbt import DBT_EXECUTABLE, dbt_environment, dbt_vars, target_folder
from orchestration.errors import PermanentFailure
from orchestration.warehouse import open_warehouse
from orchestration.workspace import DBT_PROJECT, make_folder, run_lock

if TYPE_CHECKING:
    from orchestration.settings import Settings


def write_model_docs(settings: Settings) -> Path:
    """Write `<home>/docs/index.html` from the last build and return its path.

    Errors: PermanentFailure when nothing was ever built, or when dbt cannot describe the models.
    """
    with open_warehouse(settings, "read"):
        pass  # says what to do when nothing was ever published
    target = target_folder(settings)
    page = make_folder(settings.home / "docs").resolve() / "index.html"
    with run_lock(settings):
        done = subprocess.run(
            [
                *(DBT_EXECUTABLE, "--no-use-colors", "docs", "generate", "--static"),
                *("--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)),
                *("--target", settings.target, "--target-path", str(target)),
                *("--log-path", str(target)),
                *dbt_vars(settings.clock().now()),
            ],
            env={**os.environ, **dbt_environment(settings)},
            capture_output=True,
            text=True,
            check=False,
        )
    built = target / "static_index.html"
    if done.returncode != 0 or not built.exists():
        raise PermanentFailure(
            f"dbt cannot describe its models: {(done.stdout + done.stderr).strip()[-2000:]}",
            tried="dbt docs generate --static",
            todo="correct what dbt names; `paygo run` builds the models first.",
        )
    shutil.copyfile(built, page)
    return page
