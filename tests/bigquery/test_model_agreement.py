"""Whole models mean on BigQuery what their unit tests say: run on ZetaSQL's reference engine.

Every dbt unit test gives a model rows and the answer. DuckDB is held to them by the project's own
tests; here the same tests are compiled for BigQuery by the real adapter, analyzed, and executed by
Google's reference engine. Seeded mistakes of the kinds that people make must each be caught.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.bigquery.conftest import Analyzed
from tests.bigquery.evaluating_server import UNIT_TEST, EvaluatingServer, rows_of
from tests.bigquery.project import PROJECT, run_dbt
from tests.bigquery.zetasql_engine import Catalog, Refused

pytestmark = pytest.mark.full

# Their rows are written in DuckDB's SQL: ranges of days, and types that nothing else says.
FOR_DUCKDB = frozenset(
    {
        "a_changed_past_value_is_a_restatement_with_its_cause",
        "hypotheses_are_judged_by_the_stated_rule",
        "lag_is_the_nearest_rank_to_the_microsecond",
    }
)

MISTAKES = {
    "a cast that stops the query": (
        "int_billing__invoice_debts",
        "safe_cast(invoices.bad_debt_paid as bigint)",
        "cast(invoices.bad_debt_paid as bigint)",
    ),
    "a difference the wrong way round": (
        "fct_service_level_changes",
        "timestamp_diff(horizons.last_as_of, changes.effective_at, hour)",
        "timestamp_diff(changes.effective_at, horizons.last_as_of, hour)",
    ),
    "division of integers as DuckDB spells it": (
        "fct_payments",
        "as numeric) / 1000000",
        "as int64) // 1000000",
    ),
    "boundaries crossed in place of complete hours": (
        "fct_service_level_changes",
        "timestamp_diff(horizons.last_as_of, changes.effective_at, hour)",
        "24 * date_diff(date(horizons.last_as_of), date(changes.effective_at), day)",
    ),
    "a function that only DuckDB has": (
        "int_billing__consolidations",
        "split(invoices.bad_debt_invoices, ',')",
        "string_split(invoices.bad_debt_invoices, ',')",
    ),
    "a text compared with a number": (
        "fct_account_views",
        "actual_state = 'GRANTED'",
        "actual_state = 1",
    ),
    "a cast with colons": (
        "dim_accounts",
        "safe_cast(nullif(stripe_customers.lifting, '') as timestamp)",
        "nullif(stripe_customers.lifting, '')::timestamp",
    ),
    "a count with a filter": (
        "fct_bad_debt_days",
        "count(case when flows.is_entry then 1 end)",
        "count(*) filter (where flows.is_entry)",
    ),
    "an offset beyond the end of an array": (
        "fct_graph_nodes",
        "split(nodes.metric_id, ':')[safe_offset(0)] = metric_status.metric_id",
        "split(nodes.metric_id, ':')[offset(1)] = metric_status.metric_id",
    ),
    "a moment cast to text": (
        "fct_graph_nodes",
        "format_timestamp('%Y-%m-%d %H:%M:%S', metric_nodes.as_of, 'UTC')",
        "cast(metric_nodes.as_of as string)",
    ),
    "a union that does not say distinct": (
        "int_drift__merged_worklist",
        "union distinct",
        "union",
    ),
    "an order that puts nulls elsewhere": (
        "int_drift__marks",
        "order by mark_number desc",
        "order by nullif(mark_number, 1)",
    ),
    "an alias of the select list in its own where": (
        "fct_dunning_funnel",
        "as hours_in_dunning,\nfrom ended",
        "as hours_in_dunning,\nfrom ended\nwhere hours_in_dunning is not null",
    ),
}


@dataclass(frozen=True)
class UnitTests:
    """The unit tests as BigQuery would get them, by name, and what dbt said of them."""

    queries: dict[str, str]
    statuses: dict[str, str]
    broken: list[str]
    said: str


def of_model(queries: dict[str, str], model: str) -> list[str]:
    """Return the queries of a model's unit tests."""
    return [sql for name, sql in queries.items() if name.split(".")[0] == model]


def differs(sql: str) -> bool:
    """Run a unit test's query; say whether model and expectation differ. Errors: Refused."""
    rows = rows_of(sql, list(Catalog(PROJECT, {}).analyze(sql).columns))
    sides: dict[str | None, list[str]] = {"actual": [], "expected": []}
    for row in rows:
        side = row.pop("actual_or_expected")
        sides[side].append(json.dumps(row, sort_keys=True))
    return sorted(sides["actual"]) != sorted(sides["expected"])


@pytest.fixture(scope="module")
def tested(analyzed: Analyzed, tmp_path_factory: pytest.TempPathFactory) -> UnitTests:
    """Every unit test, run by dbt against the relations that the analyzed build has left."""
    folder = tmp_path_factory.mktemp("unit-tests")
    catalog = Catalog(PROJECT, analyzed.server.catalog.relations)
    with EvaluatingServer(catalog, datasets=set(analyzed.server.datasets)) as server:
        done = run_dbt(server, folder, "test", "--select", "test_type:unit")
    results = json.loads((folder / "target" / "run_results.json").read_text("utf-8"))["results"]
    queries = {
        job.resource["configuration"]["labels"]["model"]: sql
        for job in server.jobs.values()
        if UNIT_TEST in (sql := job.resource["configuration"].get("query", {}).get("query", ""))
    }
    manifest = json.loads((folder / "target" / "manifest.json").read_text("utf-8"))
    named = {
        f"{unit['model']}.{unit['name']}": sql
        for unit in manifest["unit_tests"].values()
        if (sql := queries.get(unit["name"][:63].lower()))
    }
    statuses = {r["unique_id"].split(".", 2)[2]: r["status"] for r in results}
    return UnitTests(named, statuses, server.broken, done.stdout + done.stderr)


def test_every_unit_test_holds_on_the_reference_engine(tested: UnitTests) -> None:
    assert len(tested.statuses) > 50
    failed = {name for name, status in tested.statuses.items() if status != "pass"}
    assert {name.split(".")[-1] for name in failed} == FOR_DUCKDB, tested.said[-6000:]
    assert len(tested.queries) >= len(tested.statuses) - len(FOR_DUCKDB)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_model_is_caught(tested: UnitTests, mistake: str) -> None:
    model, right, wrong = MISTAKES[mistake]
    caught = []
    for sql in of_model(tested.queries, model):
        assert right in sql, f"{model} no longer says {right!r}"
        try:
            caught.append(differs(sql.replace(right, wrong)))
        except Refused:
            caught.append(True)
    assert any(caught)
