"""One build of the dbt project on a small warehouse, shared by the tests of this folder.

Belongs here: the hand-made row versions, the build, a way to ask the result. Does not: what a
model should answer, which stands in the tests and in the models' own unit tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from orchestration.sources.contract import CONTRACT, META_COLUMNS, table
from orchestration.warehouse.ops import ops_ddl
from orchestration.warehouse.raw import raw_ddl
from orchestration.workspace import metric_ids
from tests.conftest import shared_folder
from tests.dbt.ticket_rows import tickets_rows

PROJECT = Path(__file__).parents[2] / "dbt_project"
AS_OF = "2026-03-03T06:00:00Z"
DBT = Path(sys.executable).with_name("dbt")


@dataclass(frozen=True)
class Dbt:
    """dbt on one warehouse file, with its artefacts beside that file."""

    folder: Path
    project: Path = PROJECT

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def target(self) -> Path:
        return self.folder / "target"

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one dbt command; `as_of` is passed unless the arguments pass vars themselves."""
        names = metric_ids(self.project)
        given = json.dumps({"as_of": AS_OF, "metric_ids": names})
        variables = () if "--vars" in arguments else ("--vars", given)
        return subprocess.run(
            [
                str(DBT),
                "--no-use-colors",
                command,
                *("--project-dir", str(self.project), "--profiles-dir", str(self.project)),
                *("--target", "duckdb", "--target-path", str(self.target)),
                *("--log-path", str(self.folder / "logs")),
                *variables,
                *arguments,
            ],
            env={
                **os.environ,
                "PAYGO_DUCKDB_PATH": str(self.warehouse),
                "DBT_LOG_LEVEL_FILE": "none",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def manifest(self) -> dict[str, Any]:
        return dict(json.loads((self.target / "manifest.json").read_text()))

    @cached_property
    def columns(self) -> dict[tuple[str, str], list[str]]:
        """Columns of every relation, by (schema, name), in order."""
        found: dict[tuple[str, str], list[str]] = {}
        for schema, name, column in self.rows(
            "select table_schema, table_name, column_name from information_schema.columns "
            "order by table_schema, table_name, ordinal_position"
        ):
            found.setdefault((schema, name), []).append(column)
        return found

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(sql).fetchall()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


DAYS = tuple(moment(f"2026-03-0{day}") for day in (1, 2, 3))


def account(
    key: str, flags: int, day: int, *, load: str | None = None, deleted: bool = False
) -> dict[str, Any]:
    """A version of an engine account as the landing writes it; `day` counts from 0."""
    return {
        "account_id": key,
        "flags": flags,
        "created_at": DAYS[0],
        "updated_at": DAYS[day],
        "_as_of": DAYS[day],
        "_load_id": load or f"engine.subs_account-{day}",
        "_row_hash": flags,
        "_is_deleted": deleted,
    }


ACCOUNTS = (
    account("acc_quiet", 0, 0),
    account("acc_flagged", 0, 0),
    account("acc_flagged", 32768, 1),
    account("acc_gone", 1, 0),
    account("acc_gone", 1, 1, deleted=True),
    account("acc_back", 1, 0),
    account("acc_back", 1, 1, deleted=True),
    account("acc_back", 4, 2),
    # Landed by a load that the ledger does not hold: it never happened.
    account("acc_uncommitted", 0, 1, load="lost"),
    account("acc_quiet", 32768, 2, load="lost"),
    # Committed, but as a load of another stream.
    account("acc_stranger", 0, 1, load="engine.subs_customer-1"),
)


def fill(warehouse: Path) -> None:
    """Create raw and ops as the landing does and land the hand-made versions."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema raw; create schema ops")
        for statement in (*ops_ddl(), *(raw_ddl(t) for t in CONTRACT)):
            connection.execute(statement)
        known = {c.name for c in (*table("engine.subs_account").landed_columns, *META_COLUMNS)}
        for row in ACCOUNTS:
            assert row.keys() <= known
            names = ", ".join(row)
            marks = ", ".join("?" for _ in row)
            connection.execute(
                f"insert into raw.engine__subs_account ({names}) values ({marks})",
                list(row.values()),
            )
        for name, row in tickets_rows():
            marks = ", ".join("?" for _ in row)
            connection.execute(
                f"insert into raw.{name} ({', '.join(row)}) values ({marks})", list(row.values())
            )
        for stream in CONTRACT:
            for day, as_of in enumerate(DAYS):
                connection.execute(
                    "insert into ops.load_ledger "
                    "values (?, ?, ?, ?, 'run', 'full', 0, 0, '{}', '', ?)",
                    [f"{stream.stream}-{day}", stream.stream, stream.source, as_of, as_of],
                )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """Everything but data tests, which the pipeline runs: models, seeds and unit tests.

    Test processes that run side by side share one build: the first makes it, the others wait.
    """
    shared = shared_folder(tmp_path_factory, "built")
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            dbt = Dbt(tmp_path_factory.mktemp("building"))
            fill(dbt.warehouse)
            done = dbt.run("build", "--exclude-resource-types", "test")
            assert done.returncode == 0, done.stdout[-6000:]
            dbt.folder.rename(shared)
    # Every process runs dbt and opens the warehouse in a copy of its own.
    own = tmp_path_factory.mktemp("dbt")
    shutil.copytree(shared, own, dirs_exist_ok=True)
    return Dbt(own)
