"""Kept states are those that a full refresh would give, whatever came in which portions.

The detectors judge again only what a load has touched. Worlds are replayed in portions of days;
after each the kept tables are held, row for row, against the same SQL with everything anew.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.simulation.world import generate
from tests.replay.landing import Landing, folders
from tests.replay.models import CompiledProject
from tests.replay.test_exactness import ACCOUNTS, TARGETS, check_world, truth_of

KEPT = (
    "int_drift__merged_accounts",
    "int_drift__stripe_item_states",
    "int_drift__stripe_missing_items",
    "int_drift__zone_plan_states",
)
WORKLISTS = (
    "int_drift__merged_worklist",
    "int_drift__stripe_worklist",
    "int_drift__zone_plan_worklist",
)
LEDGER = ("marts.fct_discrepancies", "marts.fct_discrepancy_days", "marts.fct_drift_exclusions")


def states(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    return {
        name: connection.execute(f"select * from intermediate.{name} order by all").fetchall()
        for name in KEPT
    }


def entities(connection: duckdb.DuckDBPyConnection) -> int:
    """How many entities the last build has judged."""
    return sum(
        connection.execute(
            f"select count(*) from intermediate.{name} where entity_kind <> 'load'"
        ).fetchall()[0][0]
        for name in WORKLISTS
    )


@contextmanager
def anew(landing: Landing, project: CompiledProject, scratch: Path) -> Iterator[Any]:
    """A copy of the warehouse in which everything has been judged again."""
    landing.connection.execute("checkpoint")
    scratch.mkdir()
    shutil.copyfile(landing.warehouse, scratch / "warehouse.duckdb")
    with duckdb.connect(str(scratch / "warehouse.duckdb"), config={"threads": 1}) as connection:
        project.keeping(keeps=False).build(connection, KEPT)
        yield connection
    shutil.rmtree(scratch)


def portions(days: list[Path], seed: int) -> Iterator[list[Path]]:
    """All days in order, four to ten at a time."""
    chance = random.Random(seed)
    while days:
        size = chance.randint(4, 10)
        yield days[:size]
        days = days[size:]


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(s, marks=pytest.mark.full) for s in range(2, 21))]
)
def test_kept_states_are_those_of_a_full_refresh(
    tmp_path: Path, project: CompiledProject, seed: int
) -> None:
    generate(ACCOUNTS, seed, "calm", tmp_path / "world")
    keeping = project.keeping()
    judged = []
    with Landing(
        tmp_path / "warehouse.duckdb", tmp_path / "world", project.streams(TARGETS), shuffle=seed
    ) as landing:
        for portion in portions(folders(tmp_path / "world"), seed):
            landing.land(portion)
            keeping.build(landing.connection, KEPT)
            judged.append(entities(landing.connection))
            with anew(landing, project, tmp_path / "anew") as full:
                everything = entities(full)
                found, expected = states(landing.connection), states(full)
                for name in KEPT:
                    assert found[name] == expected[name], f"{name} after {portion[-1].name}"
        assert all(expected.values())
        assert len(judged) > 2
        assert sum(judged[1:]) > 0
        assert min(judged[1:]) < everything / 2, "everything was judged every day"
        keeping.build(landing.connection, TARGETS)
        assert entities(landing.connection) == 0
        assert states(landing.connection) == found
    # And what the ledger says after all the portions is exact.
    check_world(tmp_path / "warehouse.duckdb", truth_of(tmp_path))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, project: CompiledProject) -> Path:
    """A warehouse after twenty days and then five more, with its kept tables."""
    folder = tmp_path_factory.mktemp("kept")
    generate(ACCOUNTS, 3, "calm", folder / "world")
    every = folders(folder / "world")
    streams = project.streams(KEPT)
    with Landing(folder / "warehouse.duckdb", folder / "world", streams) as landing:
        landing.land(every[:20])
        project.keeping().build(landing.connection, KEPT)
        landing.land(every[20:25])
        project.keeping().build(landing.connection, KEPT)
        assert entities(landing.connection) > 0
        landing.connection.execute("checkpoint")
    return folder


def forget_last_load(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "delete from ops.load_ledger where as_of = (select max(as_of) from ops.load_ledger)"
    )


def erase(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "delete from raw.stripe__subscription_items where subscription_item_id ="
        " (select min(subscription_item_id) from intermediate.int_drift__stripe_item_states)"
    )
    connection.execute("insert into ops.erasures values ('e', 'r', 1, '', true, now()::timestamp)")


def other_rules(project: CompiledProject) -> CompiledProject:
    """The project as dbt compiles it after a change of a model or a macro: the hash is another."""
    changed = {}
    for key, node in project.nodes.items():
        code = node.get("compiled_code")
        changed[key] = node
        if node["name"] in WORKLISTS and code:
            start = code.index("rule_version = '") + len("rule_version = '")
            old = code[start : start + 32]
            changed[key] = {**node, "compiled_code": code.replace(old, "0" * 32)}
            assert changed[key] != node
    return CompiledProject(changed)


def same(project: CompiledProject) -> CompiledProject:
    return project


def nothing(_: duckdb.DuckDBPyConnection) -> None:
    pass


@pytest.mark.parametrize(
    ("happens", "rules"),
    [(nothing, other_rules), (forget_last_load, same), (erase, same)],
    ids=["changed rule", "forgotten load", "erasure"],
)
def test_nothing_old_stands_after(
    tmp_path: Path,
    kept: Path,
    project: CompiledProject,
    happens: Callable[[duckdb.DuckDBPyConnection], None],
    rules: Callable[[CompiledProject], CompiledProject],
) -> None:
    shutil.copyfile(kept / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), config={"threads": 1}) as connection:
        for name in KEPT:
            spoiled = f"update intermediate.{name} set valid_from = timestamp '2020-01-01'"
            connection.execute(spoiled)
        happens(connection)
        rules(project.keeping()).build(connection, KEPT)
        found = states(connection)
        project.keeping(keeps=False).build(connection, KEPT)
        assert found == states(connection)
        assert all(found.values())


def test_a_run_that_failed_before_its_states_is_made_up_for(
    tmp_path: Path, kept: Path, project: CompiledProject
) -> None:
    """The worklist of a run whose states were never built comes again in the next."""
    shutil.copyfile(kept / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    keeping = project.keeping()
    streams = project.streams(KEPT)
    with Landing(tmp_path / "warehouse.duckdb", kept / "world", streams) as landing:
        landing.land(folders(kept / "world")[25:])
        keeping.build(landing.connection, (*WORKLISTS, "int_drift__stripe_item_states"))
        owed = entities(landing.connection)
        keeping.build(landing.connection, KEPT)
        assert entities(landing.connection) == owed > 0
        with anew(landing, project, tmp_path / "anew") as full:
            assert states(landing.connection) == states(full)
        keeping.build(landing.connection, KEPT)
        assert entities(landing.connection) == 0
