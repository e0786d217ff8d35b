"""dbt's documentation of the models as one static page that opens without a server.

Belongs here: which command writes it and where the page goes. Does not: what the page says, which
is the descriptions beside the models.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.dbt_command import run_dbt, target_folder
from orchestration.warehouse import open_warehouse
from orchestration.workspace import make_folder, run_lock

if TYPE_CHECKING:
    from orchestration.settings import Settings


def write_model_docs(settings: Settings) -> Path:
    """Write `<home>/docs/index.html` from the last build and return its path.

    Errors: PermanentFailure when nothing was ever built, or when dbt cannot describe the models.
    """
    with open_warehouse(settings, "read"):
        pass  # says what to do when nothing was ever published
    page = make_folder(settings.home / "docs").resolve() / "index.html"
    with run_lock(settings):
        run_dbt(
            settings,
            settings.clock().now(),
            *("docs", "generate", "--static"),
            failure="dbt cannot describe its models",
            todo="correct what dbt names; `paygo run` builds the models first.",
        )
    shutil.copyfile(target_folder(settings) / "static_index.html", page)
    return page
