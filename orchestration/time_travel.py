"""The warehouse as it was known at an earlier moment, built beside the published one.

Row versions are append-only and a load counts only when the ledger holds it: a copy whose
ledger ends at the moment, built again with that moment as its now, is the state of then.
Files of today (the graph, the rules of tickets) have no earlier reading in a demo: a stream
that was first read later keeps its first load.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.clock import parse_utc
from orchestration.dbt_command import run_dbt
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.base import Warehouse
from orchestration.workspace import make_folder

_FORGET = (
    "delete from ops.load_ledger as l where as_of > ? and exists (\n"
    "  select 1 from ops.load_ledger as e where e.stream = l.stream and e.as_of <= ?)",
    "delete from ops.stream_runs where as_of > ?",
    "delete from ops.check_results where evaluated_at > ?",
    "delete from ops.incidents where opened_at > ?",
    "delete from ops.stream_cursors",
    "insert into ops.stream_cursors select stream, arg_max(cursor_json, as_of), max(as_of),\n"
    "  arg_max(load_id, as_of) from ops.load_ledger group by stream",
)


_DERIVED = ("reporting", "metrics", "marts", "intermediate", "staging", "seeds")


@contextmanager
def warehouse_as_of(settings: Settings, text: str) -> Iterator[Warehouse]:
    """Build the state of an ISO moment in a folder of its own; it is removed afterwards.

    Errors: PermanentFailure for text that is no moment, one after the last load or before the
    first, and when the models cannot be built.
    """
    try:
        moment = parse_utc(text)
    except ValueError as error:
        raise PermanentFailure(
            f"{text!r} is no moment.", todo="write it like 2026-03-20T00:00:00Z."
        ) from error
    if settings.target != "duckdb":
        raise PermanentFailure("an earlier state can be built in the embedded warehouse only.")
    with open_warehouse(settings, "read"):
        pass  # says what to do when nothing was ever published
    make_folder(settings.home / "tmp")
    with tempfile.TemporaryDirectory(prefix="as-of-", dir=settings.home / "tmp") as folder:
        then = settings.model_copy(
            update={"home": Path(folder).resolve(), "now": moment.isoformat()}
        )
        make_folder(then.run_warehouse_path.parent)
        shutil.copyfile(settings.warehouse_path, then.run_warehouse_path)
        with open_warehouse(then, "write"):
            pass  # a table that an older version did not land stands empty
        _forget_after(then.run_warehouse_path, moment.astimezone(UTC).replace(tzinfo=None))
        _build(then, moment)
        shutil.copyfile(then.run_warehouse_path, then.warehouse_path)
        with open_warehouse(then, "read") as warehouse:
            yield warehouse


def _forget_after(path: Path, moment: datetime) -> None:
    with duckdb.connect(str(path)) as connection:
        first, last = connection.execute(
            "select min(as_of), max(as_of) from ops.load_ledger"
        ).fetchall()[0]
        if first is None or not first <= moment:
            raise PermanentFailure(
                f"nothing was loaded before {moment:%Y-%m-%dT%H:%M:%SZ}.",
                todo=f"choose a moment from {first} to {last}.",
            )
        for schema in _DERIVED:  # nothing built later, nor by an older version, remains
            connection.execute(f"drop schema if exists {schema} cascade").fetchall()
        for statement in _FORGET:
            connection.execute(statement, [moment] * statement.count("?")).fetchall()


def _build(settings: Settings, moment: datetime) -> None:
    run_dbt(
        settings,
        moment,
        *("build", "--exclude-resource-types", "test", "unit_test"),
        failure="the models could not be built",
    )
