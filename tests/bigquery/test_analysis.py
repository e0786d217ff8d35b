"""Every statement for BigQuery passes the full analysis of ZetaSQL: syntax, names and types.

The real dbt adapter builds the whole project through the real client, so what is analyzed is what
would be sent: DDL with partitions and clusters, models, data tests. What the product itself asks
is analyzed against the relations that the build has left.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from dashboards.claims import declare
from dashboards.evidence import read_evidence
from dashboards.names import read_names
from dashboards.snapshot import Snapshot
from expectations import evidence
from orchestration import drift_reading, graph_reading, reading, timeline
from orchestration.alerting import evaluate, store
from orchestration.clock import parse_utc
from orchestration.dbt_command import run_dbt, target_folder
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.bigquery_commit import commit_script, forget_script
from orchestration.warehouse.bigquery_spelling import spelled
from tests.bigquery.conftest import WORKLISTS, Analyzed
from tests.bigquery.project import AS_OF, landed_catalog
from tests.bigquery.zetasql_engine import Refused
from tests.conftest import DemoHome


def test_the_whole_project_passes_the_analysis(analyzed: Analyzed) -> None:
    assert analyzed.server.refusals == []
    assert analyzed.code == 0, analyzed.said[-4000:]


def test_nothing_of_the_project_was_left_out(analyzed: Analyzed) -> None:
    results = json.loads((analyzed.folder / "target" / "run_results.json").read_text())["results"]
    manifest = json.loads((analyzed.folder / "target" / "manifest.json").read_text())
    wanted = {
        name
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot", "test")
    }
    assert {r["unique_id"] for r in results} >= wanted
    # An exposure is nothing to do.
    done = [r for r in results if not r["unique_id"].startswith("exposure.")]
    assert Counter(r["status"] for r in done).keys() <= {"success", "pass"}
    kinds = Counter(found.kind for _, found in analyzed.server.statements)
    assert kinds["resolved_create_table_as_select_stmt_node"] >= 50
    assert kinds["resolved_create_view_stmt_node"] >= 50
    assert kinds["query"] >= 100


def test_what_a_second_run_adds_passes_the_analysis(analyzed_again: Analyzed) -> None:
    assert analyzed_again.server.refusals == []
    assert analyzed_again.code == 0, analyzed_again.said[-4000:]
    kinds = Counter(
        found.kind for _, found in analyzed_again.server.statements[analyzed_again.known :]
    )
    # Each kept model gives up its entities and takes them anew in one transaction, and records.
    assert kinds["resolved_begin_stmt_node"] == kinds["resolved_commit_stmt_node"] == 4
    assert kinds["resolved_delete_stmt_node"] >= 4
    assert kinds["resolved_insert_stmt_node"] >= 8
    # The one incremental model merges what it has made beside its table; beside the worklists
    # nothing is made anew.
    assert kinds["resolved_create_table_as_select_stmt_node"] == 1 + len(WORKLISTS)
    assert kinds["resolved_merge_stmt_node"] == 1


def test_every_job_of_dbt_has_labels_and_a_limit(analyzed: Analyzed) -> None:
    for configuration in analyzed.server.configurations:
        if "query" in configuration and "dryRun" not in configuration:
            labels = configuration.get("labels", {})
            assert labels.get("pipeline") == "paygo", configuration["query"]["query"][:200]
            assert labels.get("run") == "run-20260324t060000z"
            assert labels.get("model")
            assert int(configuration["query"]["maximumBytesBilled"]) > 0


def hashes(target: Path) -> dict[str, list[str]]:
    """Return the hashes of definitions and rules that dbt has compiled into models, by model."""
    found = {}
    for name in ("int_metrics__observed", *WORKLISTS):
        (compiled,) = (target / "compiled").rglob(f"{name}.sql")
        found[name] = re.findall(r"'([0-9a-f]{32})(?:-)?'", compiled.read_text())
        assert found[name], name
    return found


def test_definitions_and_rules_have_the_same_hash_on_both_engines(
    analyzed: Analyzed, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"home": tmp_path, "target": "duckdb"})
    names = ("int_metrics__observed", *WORKLISTS)
    command = ("compile", "--select", *names)
    run_dbt(settings, parse_utc(AS_OF), *command, failure="the models do not compile")
    assert hashes(target_folder(settings)) == hashes(analyzed.folder / "target")


def product_queries() -> list[str]:
    """Queries of commands, checks, claims and erasure, as a user of BigQuery would send them."""
    fixed = [
        reading.STATUS_SQL, drift_reading.DAY_SQL, drift_reading.EXCLUSIONS_SQL,
        timeline.TIMELINE_SQL, graph_reading.DEBT_SQL,
        evidence.METRIC_SQL, evidence.ACCOUNTS_SQL, evidence.STREAM_SQL, evidence.keys_sql(),
        evidence.ERASURES_SQL,
        evaluate.METRICS_SQL, evaluate.STREAMS_SQL, evaluate.CHECKS_SQL, evaluate.RESTATED_SQL,
        store.INCIDENTS_SQL,
    ]  # fmt: skip
    return fixed


@pytest.mark.parametrize("number", range(len(product_queries())))
def test_what_commands_ask_passes_the_analysis(analyzed: Analyzed, number: int) -> None:
    sql = spelled(product_queries()[number])
    assert analyzed.server.catalog.analyze(sql, positional=True).columns


@pytest.mark.full  # some 900 statements
def test_every_claim_of_the_page_passes_the_analysis(
    analyzed: Analyzed, demo_home: DemoHome
) -> None:
    settings = Settings(home=demo_home.home, _env_file=None)
    with open_warehouse(settings, "read") as warehouse, Snapshot(warehouse) as snapshot:
        claims = declare(read_names(snapshot, read_evidence(warehouse)))
    assert len(claims) > 300
    for claim in claims:
        assert analyzed.server.catalog.analyze(spelled(claim.sql)).columns, claim.claim_id


def test_ddl_and_commits_of_every_stream_pass_the_analysis() -> None:
    catalog = landed_catalog()
    kinds: dict[str, str] = {}
    for table in CONTRACT:
        entry = {"load_id": "l", "as_of": None, "rows_appended": 1, "rows_deleted": 0}
        ops = {name: [{}] for name in ("quarantine", "reconciliation", "schema_changes")}
        script, params = commit_script(table, entry, ops)
        assert {f"@{name}" for name in params} >= {"@load", "@as_of", "@expected", "@entry"}
        statements = script.split(";\n")
        # Streams share all statements but the one that counts the stream's own rows.
        new = [sql for sql in statements if sql not in kinds]
        assert [table.raw_name in sql for sql in new].count(True) == 1
        kinds |= {sql: catalog.analyze(sql).kind for sql in new}
        first, *others, last = [kinds[sql] for sql in statements]
        assert (first, last) == ("resolved_begin_stmt_node", "resolved_commit_stmt_node")
        assert others.count("resolved_insert_stmt_node") == 4
        assert others.count("resolved_assert_stmt_node") == 2
    assert len(kinds) == len(CONTRACT) + 7


def test_a_commit_of_rows_that_wait_in_a_table_passes_the_analysis() -> None:
    catalog = landed_catalog()
    catalog.script("create table scratch.keys_x (key STRING not null)")
    entry = {"load_id": "l", "as_of": None, "rows_appended": 1, "rows_deleted": 0}
    ops = {name: [{}] for name in ("quarantine", "reconciliation")}
    aside = dict.fromkeys(ops, "scratch.keys_x")
    script, params = commit_script(CONTRACT[0], entry, ops, aside)
    assert script.count("scratch.keys_x") == 2
    assert not any(name.startswith("rows") for name in params)
    kinds = [catalog.analyze(sql).kind for sql in script.split(";\n")]
    assert kinds.count("resolved_insert_stmt_node") == 3


def test_the_removal_of_leftovers_passes_the_analysis() -> None:
    catalog = landed_catalog()
    statements = forget_script().split(";\n")
    assert len(statements) == len(CONTRACT)
    assert {catalog.analyze(sql).kind for sql in statements} == {"resolved_delete_stmt_node"}


def test_a_column_that_bigquery_would_refuse_is_refused(analyzed: Analyzed) -> None:
    catalog = analyzed.server.catalog
    assert catalog.analyze("select account_id from marts.dim_accounts").columns
    with pytest.raises(Refused, match="Unrecognized name: account_idd"):
        catalog.analyze("select account_idd from marts.dim_accounts")
    with pytest.raises(Refused, match="No matching signature"):
        catalog.analyze("select 1 from marts.dim_accounts where account_id > 1")
