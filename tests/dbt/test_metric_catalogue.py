"""The catalogue, the metric models and the list that unites them name the same metrics."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import duckdb
import pytest

from expectations.catalogue import load_catalogue
from expectations.checks import METRIC_RULES, all_checks
from orchestration.sources.contract import CONTRACT
from tests.conftest import DemoHome
from tests.dbt.conftest import AS_OF, Dbt

PROJECT = Path(__file__).parents[2] / "dbt_project"


def _catalogue() -> list[dict[str, str]]:
    with (PROJECT / "seeds" / "metric_catalogue.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _model_sql(metric_id: str) -> str:
    return (PROJECT / "models" / "metrics" / f"metric_{metric_id}.sql").read_text()


def test_every_catalogue_row_has_a_model_and_every_model_a_row() -> None:
    models = {p.stem.removeprefix("metric_") for p in PROJECT.glob("models/**/metric_*.sql")}
    assert models == {row["metric_id"] for row in _catalogue()}


def test_every_metric_model_asks_for_the_days_of_its_own_metric() -> None:
    dimensions = {row["metric_id"]: row["dimension"] for row in _catalogue()}
    for path in PROJECT.glob("models/**/metric_*.sql"):
        metric_id = path.stem.removeprefix("metric_")
        sql = path.read_text()
        if f"drift_metric('{metric_id}', " in sql:
            assert dimensions[metric_id] == "kind"
            continue
        assert f"where metric_id = '{metric_id}'" in sql, path.name
        named = f", dimension='{dimensions[metric_id]}'" if dimensions[metric_id] else ""
        assert f"metric_rows('{metric_id}'{named})" in sql, path.name


def test_every_metric_has_the_same_columns_and_only_its_own_rows(built: Dbt) -> None:
    columns = ["metric_id", "observation_date", "dimension", "value"]
    for row in _catalogue():
        model = f"metric_{row['metric_id']}"
        assert built.columns["metrics", model] == columns
        names = built.rows(f"select distinct metric_id from metrics.{model}")
        assert names == [(row["metric_id"],)]


def test_observations_and_status_hold_the_metrics_of_the_catalogue(built: Dbt) -> None:
    expected = {row["metric_id"] for row in _catalogue()}
    for relation in ("metrics.fct_metric_observations", "reporting.rpt_metric_status"):
        assert {m for (m,) in built.rows(f"select distinct metric_id from {relation}")} == expected


def test_the_page_shows_the_metrics_of_the_catalogue(demo_home: DemoHome) -> None:
    page = (demo_home.home / "site" / "index.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'data-claim="metric\.(\w+)\.', page))
    assert shown == {row["metric_id"] for row in _catalogue()}


NEW_METRIC = """-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'accounts_known'
),

accounts as (
    select * from {{ ref('stg_engine__accounts_history') }}
    where not is_deleted
),

counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join accounts on {{ is_valid_at('accounts', 'days.day_end_at') }}
    group by days.observation_date
),

final as (
    {{ metric_rows('accounts_known') }}
)

select * from final
"""
NEW_ROW = (
    "accounts_known,Known accounts,Accounts at the end of the day,accounts,billing-core,,"
    "engine.subs_account,daily,stock,,daily_state,26,,up,absolute,,,,2026-11-22,No threshold"
)


@pytest.fixture(scope="module")
def grown(built: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """The built warehouse after a metric was added: one SQL file, one catalogue row; and after
    a late row changed a past day. Models are built anew with a full refresh."""
    folder = tmp_path_factory.mktemp("grown")
    project = folder / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copyfile(built.warehouse, folder / "warehouse.duckdb")
    (project / "models" / "metrics" / "metric_accounts_known.sql").write_text(NEW_METRIC)
    rank = project / "macros" / "plan_rank.sql"
    rank.write_text(rank.read_text().replace("'ent' then 3", "'ent' then 4"))
    with (project / "seeds" / "metric_catalogue.csv").open("a") as file:
        file.write(NEW_ROW + "\n")
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        # What was thought deleted on the second day never was: the past changes.
        connection.execute(
            "delete from raw.engine__subs_account where account_id = 'acc_flagged' "
            "and flags = 32768"
        )
        connection.execute(
            "insert into ops.load_ledger values ('engine.subs_account-late', "
            "'engine.subs_account', 'engine', timestamp '2026-03-03 03:00:00', 'run', 'delta', "
            "1, 0, '{}', '', timestamp '2026-03-03 03:00:00')"
        )
    dbt = Dbt(folder, project)
    names = ["metric_catalogue", "int_time__metric_days", "metric_accounts_known"]
    names += ["metric_bad_debt_accounts", "int_metrics__observed+", "int_metrics__stream_deadlines"]
    done = dbt.run(
        "build", "--full-refresh", "--resource-types", "model", "seed", "--select", *names
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return dbt


def test_a_metric_is_one_sql_file_and_one_catalogue_row(grown: Dbt) -> None:
    values = grown.rows(
        "select observation_date, value from reporting.rpt_metric_series "
        "where metric_id = 'accounts_known' order by 1"
    )
    assert [(str(day), int(value)) for day, value in values] == [
        ("2026-03-01", 2),
        ("2026-03-02", 3),
    ]
    (row,) = grown.rows(
        "select title, owner, freshness, level, oldest_source from reporting.rpt_metric_status "
        "where metric_id = 'accounts_known'"
    )
    expected = ("Known accounts", "billing-core", "fresh", "no_threshold", "engine.subs_account")
    assert row == expected
    metrics = load_catalogue(grown.project / "seeds" / "metric_catalogue.csv")
    names = {check.check_id for check in all_checks(metrics)}
    assert {f"metric.{rule}.accounts_known" for rule in METRIC_RULES} <= names


def test_a_changed_past_value_survives_a_full_refresh_as_a_restatement(grown: Dbt) -> None:
    rows = grown.rows(
        "select observation_date, dimension, old_value, new_value, cause, changed_streams "
        "from reporting.rpt_metric_restatements where metric_id = 'bad_debt_accounts' "
        "and dimension = 'all' order by 1"
    )
    assert [(str(r[0]), *map(str, r[1:])) for r in rows] == [
        ("2026-03-01", "all", "1.000000000", "0E-9", "late_data", "None"),
        ("2026-03-02", "all", "1.000000000", "0E-9", "late_data", "None"),
    ]
    first = grown.rows(
        "select count(*) from metrics.fct_metric_observation_versions "
        "where metric_id = 'bad_debt_accounts' and version_number = 1 and dimension = 'all'"
    )
    assert first == [(2,)], "the first answers are kept"
    said = grown.rows(
        "select distinct value, version_number, run_id from metrics.fct_metric_observations "
        "where metric_id = 'bad_debt_accounts' and dimension = 'all'"
    )
    assert [(int(v), n, r) for v, n, r in said] == [(0, 2, "run-20260303T060000Z")]


def test_a_changed_macro_is_a_changed_definition_of_what_uses_it(built: Dbt, grown: Dbt) -> None:
    said = "select distinct metric_id, definition_hash from metrics.int_metrics__observed"
    before, after = dict(built.rows(said)), dict(grown.rows(said))
    changed = {metric for metric in before if before[metric] != after[metric]}
    # The detectors share the ledger that the metrics of drift are counted from.
    sharing = {m for m in before if f"drift_metric('{m}', " in _model_sql(m)}
    assert changed == sharing > {"zone_plan_drift_accounts"}


@pytest.mark.full  # parses the whole project again
def test_a_build_without_the_names_of_the_metrics_stops(built: Dbt) -> None:
    moment = json.dumps({"as_of": AS_OF})
    done = built.run("compile", "--select", "int_metrics__observed", "--vars", moment)
    assert done.returncode != 0
    assert "is not in var `metric_ids`" in done.stdout


def test_every_stream_of_the_catalogue_is_in_the_contract() -> None:
    known = {table.stream for table in CONTRACT}
    for row in _catalogue():
        streams = row["streams"].split(";")
        assert set(streams) <= known, row["metric_id"]
        assert len(set(streams)) == len(streams), row["metric_id"]
