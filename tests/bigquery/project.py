"""The dbt project for BigQuery without BigQuery: raw and ops as DDL, dbt against the analyzer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from orchestration.sources.contract import CONTRACT
from orchestration.warehouse.bigquery_schema import ops_ddl, raw_ddl
from orchestration.workspace import metric_ids
from tests.bigquery.analyzer_server import AnalyzerServer
from tests.bigquery.zetasql_engine import Catalog

PROJECT = "paygo-test"
DBT_PROJECT = Path(__file__).parents[2] / "dbt_project"
PATCHES = Path(__file__).parent / "patches"
AS_OF = "2026-03-24T06:00:00Z"
DBT = Path(sys.executable).with_name("dbt")


def landed_catalog() -> Catalog:
    """Return a catalog of what exists before the first build: the product's own DDL, analyzed."""
    catalog = Catalog(PROJECT, {})
    for statement in (*ops_ddl().values(), *map(raw_ddl, CONTRACT)):
        catalog.script(statement)
    return catalog


def bigquery_environment(endpoint: str) -> dict[str, str]:
    """Return the environment in which product and clients speak to a server on loopback."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PAYGO_")}
    return {
        **inherited,
        "PYTHONPATH": str(PATCHES),
        "PAYGO_TARGET": "bigquery",
        "PAYGO_BIGQUERY_PROJECT": PROJECT,
        "PAYGO_BIGQUERY_API_ENDPOINT": endpoint,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_LOG_LEVEL_FILE": "none",
    }


def run_dbt(
    server: AnalyzerServer, folder: Path, *arguments: str, project: Path = DBT_PROJECT
) -> subprocess.CompletedProcess[str]:
    """Run one dbt command of the project against a server; artefacts go to `folder`."""
    given = json.dumps({"as_of": AS_OF, "metric_ids": metric_ids(project)})
    return subprocess.run(
        [
            str(DBT), "--no-use-colors", *arguments,
            *("--project-dir", str(project), "--profiles-dir", str(DBT_PROJECT)),
            *("--target", "bigquery", "--target-path", str(folder / "target")),
            *("--log-path", str(folder / "logs"), "--vars", given),
        ],
        env=bigquery_environment(server.endpoint),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
