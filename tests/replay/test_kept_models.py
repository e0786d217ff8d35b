"""The materialization `kept`, run by dbt itself: what a run replaces, and when it replaces all.

The replays imitate it for speed; here is the original, held against states judged anew.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration.simulation.world import generate
from tests.conftest import DemoHome
from tests.dbt.conftest import PROJECT, Dbt
from tests.replay.landing import Landing, folders
from tests.replay.models import CompiledProject
from tests.replay.test_exactness import ACCOUNTS
from tests.replay.test_keeping import KEPT, entities, states

STREAMS = (
    "engine.subs_object_products_element",
    "engine.subs_object_products",
    "engine.catalog_prices",
    "stripe.subscription_items",
    "stripe.subscriptions",
)
SELECTED = ("--select", *(f"+{name}" for name in KEPT))
OTHERS = ("--exclude-resource-types", "test", "unit_test")


def land(dbt: Dbt, world: Path, days: slice) -> None:
    with Landing(dbt.warehouse, world) as landing:
        landing.land(folders(world)[days])


def build(dbt: Dbt, *arguments: str) -> int:
    """Build the kept models; how many entities were judged."""
    done = dbt.run("build", *OTHERS, *SELECTED, *arguments)
    assert done.returncode == 0, done.stdout[-3000:]
    with duckdb.connect(str(dbt.warehouse)) as connection:
        return entities(connection)


def found_and_expected(dbt: Dbt, scratch: Path) -> tuple[object, object]:
    """The kept states, and what the same SQL gives for everything."""
    manifest = json.loads((dbt.target / "manifest.json").read_text())
    shutil.copyfile(dbt.warehouse, scratch / "warehouse.duckdb")
    with duckdb.connect(str(scratch / "warehouse.duckdb")) as connection:
        found = states(connection)
        CompiledProject.of(manifest).keeping(keeps=False).build(connection, KEPT)
        return found, states(connection)


def test_the_demo_has_recorded_what_it_judged(demo_home: DemoHome) -> None:
    """Every load that a detector reads, once a model and by one version of the rules."""
    with duckdb.connect(str(demo_home.home / "warehouse.duckdb"), read_only=True) as connection:
        judged = connection.execute(
            "select model, count(*), count(distinct load_id), count(distinct rule_version)"
            " from ops.judged_loads group by model order by model"
        ).fetchall()
        loads = connection.execute(
            f"select count(*) from ops.load_ledger where stream in {STREAMS}"
        ).fetchall()[0][0]
    assert [(model, versions) for model, _, _, versions in judged] == [(m, 1) for m in KEPT]
    assert all(rows == distinct for _, rows, distinct, _ in judged)
    counts = {model: rows for model, rows, _, _ in judged}
    stripe = (
        counts[name]
        for name in ("int_drift__stripe_item_states", "int_drift__stripe_missing_items")
    )
    assert set(stripe) == {loads} != {0}


@pytest.mark.full
def test_dbt_keeps_what_nothing_has_touched(tmp_path: Path) -> None:
    generate(ACCOUNTS, 4, "calm", tmp_path / "world")
    (tmp_path / "anew").mkdir()
    dbt = Dbt(tmp_path)
    land(dbt, tmp_path / "world", slice(25))
    everything = build(dbt)
    land(dbt, tmp_path / "world", slice(25, 27))
    assert 0 < build(dbt) < everything
    found, expected = found_and_expected(dbt, tmp_path / "anew")
    assert found == expected


@pytest.mark.full
def test_dbt_judges_everything_when_told_to_and_by_other_rules(tmp_path: Path) -> None:
    generate(ACCOUNTS, 4, "calm", tmp_path / "world")
    shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("target", "logs"))
    dbt = Dbt(tmp_path, tmp_path / "project")
    land(dbt, tmp_path / "world", slice(25))
    everything = build(dbt)
    assert build(dbt) == 0
    assert build(dbt, "--full-refresh") == everything
    assert build(dbt) == 0
    # A macro below the states: their model's own text stays as it is.
    macro = tmp_path / "project" / "macros" / "ope_state.sql"
    text = macro.read_text()
    rule = "license_form = 'pending' then 'pending'"
    assert rule in text
    macro.write_text(text.replace(rule, "license_form = 'pending' then 'in_flight'"))
    assert build(dbt) > 0
    with duckdb.connect(str(dbt.warehouse)) as connection:
        connection.execute("drop table intermediate.int_drift__zone_plan_states")
    assert build(dbt) > 0
    alone = dbt.run("run", "--select", KEPT[0], "--full-refresh")
    assert alone.returncode != 0
    assert "select both" in alone.stdout
