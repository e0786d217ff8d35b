"""The code location loads, and lineage runs from every raw table to the page."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from expectations.checks import all_checks
from orchestration.defs.dashboard import PAGE_KEY
from orchestration.defs.raw import raw_key
from orchestration.defs.runtime import WRITING
from orchestration.defs.schedules import pipeline_job
from orchestration.defs.stages import EXTRACT, build_definitions, stage_job
from orchestration.pipeline import RunReport
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT
from tests.conftest import DemoHome


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory, demo_home: DemoHome) -> dg.Definitions:
    home = tmp_path_factory.mktemp("home")
    # dbt has parsed the project for the demo; once is enough.
    shutil.copytree(demo_home.home / "dbt" / "target", home / "dbt" / "target")
    return build_definitions(Settings.model_validate({"home": home, "now": "2026-03-24T06:00:00Z"}))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> dg.AssetGraph:
    return definitions.resolve_asset_graph()


def upstream(graph: dg.AssetGraph, key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        parents = graph.get(waiting.pop()).parent_keys - found
        found |= parents
        waiting.extend(parents)
    return found


def test_every_contract_table_is_an_asset_that_a_run_can_make(graph: dg.AssetGraph) -> None:
    for table in CONTRACT:
        assert graph.get(raw_key(table)).is_executable, table.stream


def test_every_contract_table_has_a_staging_view_below_it(graph: dg.AssetGraph) -> None:
    for table in CONTRACT:
        children = {key.path[0] for key in graph.get(raw_key(table)).child_keys}
        assert "staging" in children, table.stream


# Extracted for the account timeline, for reconciliation or for later models: the page shows their
# freshness, which the ledger tells, and no figure of it is made of them yet. May only shrink.
NOT_ON_THE_PAGE = frozenset(
    {
        "billing.charges", "billing.schedules", "engine.subs_mandate",
        "engine.subs_product_probation", "stripe.events", "stripe.invoice_line_items",
    }
)  # fmt: skip


def test_every_contract_table_is_upstream_of_the_page(graph: dg.AssetGraph) -> None:
    reached = upstream(graph, PAGE_KEY)
    missing = {t.stream for t in CONTRACT if raw_key(t) not in reached}
    assert missing == NOT_ON_THE_PAGE


def test_the_page_stands_on_reporting_models_only(graph: dg.AssetGraph) -> None:
    parents = graph.get(PAGE_KEY).parent_keys
    assert parents
    assert {key.path[0] for key in parents} == {"reporting"}


def test_every_expectation_is_a_check_of_an_asset_that_exists(graph: dg.AssetGraph) -> None:
    names = {key.name for key in graph.asset_check_keys}
    for check in all_checks():
        assert check.check_id.replace(".", "__") in names
    assert {key.asset_key for key in graph.asset_check_keys} <= set(graph.get_all_asset_keys())


def test_every_stream_of_a_system_is_reconciled_by_a_blocking_check(
    definitions: dg.Definitions, graph: dg.AssetGraph
) -> None:
    checks = {key.asset_key for key in graph.asset_check_keys if key.name == "reconciliation"}
    systems = {raw_key(t) for t in CONTRACT if t.source not in ("knowledge", "tickets")}
    assert checks == systems
    selected = definitions.resolve_job_def(EXTRACT).asset_layer.asset_graph.asset_check_keys
    extracted = {k for k in selected if k.name == "reconciliation"}
    assert {k.asset_key for k in extracted} == systems


def test_dbt_tests_are_asset_checks_too(graph: dg.AssetGraph) -> None:
    expectations = {check.check_id.replace(".", "__") for check in all_checks()}
    dbt_tests = [key for key in graph.asset_check_keys if key.name not in expectations]
    assert any(key.asset_key.path[0] == "staging" for key in dbt_tests)
    assert any(key.asset_key.path[0] == "reporting" for key in dbt_tests)


def test_runs_start_at_the_end_of_the_day_and_in_the_morning(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    crons = {s.name: (s.cron_schedule, s.execution_timezone) for s in repository.schedule_defs}
    assert crons == {
        "end_of_day": ("0 0 * * *", "UTC"),
        "morning": ("0 6 * * *", "UTC"),
        "monday_digest": ("0 7 * * 1", "UTC"),
    }


def test_alerts_are_evaluated_and_watched_between_runs(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    sensors = {s.name: s.default_status for s in repository.sensor_defs}
    running = dg.DefaultSensorStatus.RUNNING
    assert sensors == {"alert_evaluation": running, "dead_man_watch": running}
    for job in ("evaluate_alerts", "data_docs"):
        assert definitions.resolve_job_def(job).name == job


def test_runs_that_write_the_warehouse_queue_for_one_pool(definitions: dg.Definitions) -> None:
    reading = {"weekly_digest"}
    # Gives way to a run in progress, which evaluates at its end; in the queue it would come after.
    giving_way = {"evaluate_alerts"}
    jobs = definitions.get_repository_def().get_all_jobs()
    unlimited = {
        job.name for job in jobs if any(WRITING not in n.pools for n in job.graph.node_defs)
    }
    assert unlimited == reading | giving_way


def test_a_run_that_would_wait_for_itself_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(
        r"into `DAGSTER_HOME` with\n\n```yaml\n(.*?)```",
        (Path(__file__).parents[2] / "README.md").read_text("utf-8"),
        flags=re.S,
    )
    began: list[object] = []

    def run_nothing(settings: Settings, **options: object) -> RunReport:
        began.append(settings)
        return RunReport(as_of=datetime(2026, 3, 24, tzinfo=UTC))

    monkeypatch.setattr("orchestration.pipeline.run_pipeline", run_nothing)
    for granularity, runs in (("run", True), ("op", False)):
        home = tmp_path / granularity
        home.mkdir()
        changed = block.replace("granularity: run", f"granularity: {granularity}")
        (home / "dagster.yaml").write_text(changed, encoding="utf-8")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            result = pipeline_job.execute_in_process(instance=instance, raise_on_error=False)
            assert (result.success, len(began)) == (runs, 1)
            if not runs:
                failure = result.failure_data_for_node("run_all_stages")
                assert "granularity to run" in str(failure)


def test_the_code_location_is_short() -> None:
    path = Path(__file__).parents[2] / "orchestration" / "definitions.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


def test_every_stage_is_a_job_that_resolves(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)
    for stage in ("extract", "transform", "check", "alert", "page", "pipeline"):
        assert definitions.resolve_job_def(stage).name == stage


def test_the_build_runs_all_of_dbt_and_nothing_else(definitions: dg.Definitions) -> None:
    nodes = definitions.resolve_job_def("transform").graph.node_defs
    assert [node.name for node in nodes] == ["models"]


@pytest.mark.parametrize("stream", [None, "engine.subs_account", "tickets.patterns"])
def test_a_run_of_some_streams_makes_those_and_judges_nothing_else(
    definitions: dg.Definitions, stream: str | None
) -> None:
    keys = [raw_key(t) for t in CONTRACT if stream in (None, t.stream)]
    job = stage_job(definitions, EXTRACT, keys)
    assert job.asset_layer.selected_asset_keys == set(keys)
    assert {key.name for key in job.asset_layer.asset_graph.asset_check_keys} <= {"reconciliation"}
