"""Dagster's own web interface over this code location, with its records under the home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from orchestration.dbt_command import dbt_environment, prepare_manifest
from orchestration.loopback import LOOPBACK, require_free_port
from orchestration.settings import Settings
from orchestration.workspace import REPOSITORY, dagster_home


def serve_ui(settings: Settings, port: int) -> int:
    """Run `dagster dev` until it is interrupted; return its exit code."""
    require_free_port(port)
    prepare_manifest(settings)
    environment = {
        **os.environ,
        **dbt_environment(settings),
        "DAGSTER_HOME": str(dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PAYGO_HOME": str(settings.home.resolve()),
    }
    command = [
        str(Path(sys.executable).with_name("dagster")),
        "dev",
        *("--module-name", "orchestration.definitions"),
        *("--host", LOOPBACK),
        *("--port", str(port)),
    ]
    try:
        return subprocess.run(command, env=environment, cwd=REPOSITORY, check=False).returncode
    except KeyboardInterrupt:
        return 0
