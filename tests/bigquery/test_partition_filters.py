"""What a run only adds to reads partitioned tables by their partitions, or says why not.

The worklists of kept models read raw tables by the loads that are not judged yet: on BigQuery they
leave out the partitions of the others, and fail when these have changed in between.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from orchestration.sources.contract import CONTRACT
from orchestration.warehouse.bigquery_bootstrap import EXPIRY_DAYS
from orchestration.warehouse.bigquery_schema import _OPS_LAYOUT
from tests.bigquery.conftest import SINCE, WORKLISTS, Analyzed
from tests.bigquery.project import DBT_PROJECT
from tests.bigquery.zetasql_engine import Refused, evaluate

OPES = WORKLISTS["int_drift__stripe_worklist"]
# Read whole, and why. The list may only shrink.
READ_WHOLE = {
    ("fct_metric_observation_versions", "ops.load_ledger"): (
        "counts all loads of a metric's streams; a row a stream and run, no data"
    ),
}


def partitioned_models(tree: dict[str, Any]) -> dict[str, str]:
    """Return the partition column of every model that dbt_project.yml gives one."""
    found = {}
    for name, below in tree.items():
        if isinstance(below, dict) and "+partition_by" in below:
            found[name] = below["+partition_by"]["field"]
        elif isinstance(below, dict):
            found.update(partitioned_models(below))
    return found


def partitions() -> dict[str, str]:
    """Return the partition column of every relation that has one, by how a model names it."""
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text("utf-8"))
    return {
        **{f"raw.{table.raw_name}": "_as_of" for table in CONTRACT},
        **{f"ops.{name}": day for name, (day, _) in _OPS_LAYOUT.items()},
        **partitioned_models(project["models"]),
    }


def reads(sql: str) -> list[tuple[str, str]]:
    """Return what a model reads, with the text of each CTE that reads it."""
    found = []
    for cte in re.split(r"\n\),?\n", sql):
        for layer, name in re.findall(r"source\('(\w+)', '(\w+)'\)", cte):
            found.append((f"{layer}.{name}", cte))
        # Macros of this project are handed the stream whose raw table they read.
        for source, name in re.findall(r"\w+\(\s*'(\w+)\.(\w+)'", cte):
            found.append((f"raw.{source}__{name}", cte))
        for name in re.findall(r"ref\('(\w+)'\)", cte):
            found.append((name, cte))
    return found


def added_to() -> dict[str, str]:
    """Return the models of which a run keeps rows, with their SQL."""
    texts = {p.stem: p.read_text("utf-8") for p in (DBT_PROJECT / "models").rglob("*.sql")}
    wanted = re.compile(r"materialized='(kept|incremental)'")
    return {name: sql for name, sql in texts.items() if wanted.search(sql)}


def unfiltered(sql: str) -> set[str]:
    """Return the partitioned relations that a model reads without a condition on the partition."""
    known = partitions()
    return {
        name
        for name, cte in reads(sql)
        if name in known
        and not re.search(rf"\bwhere\b.*\b{known[name]}\b\s*(>|<|=|between)", cte, re.DOTALL)
    }


def test_what_is_added_to_reads_by_partition() -> None:
    models = added_to()
    assert len(models) >= 4
    found = {(model, name) for model, sql in models.items() for name in unfiltered(sql)}
    assert found == set(READ_WHOLE)


def test_what_is_kept_does_not_expire_with_its_layer() -> None:
    kept = [name for name, sql in added_to().items() if "materialized='kept'" in sql]
    assert len(kept) == 4 and EXPIRY_DAYS["intermediate"]
    project = yaml.safe_load((DBT_PROJECT / "dbt_project.yml").read_text("utf-8"))
    drift = project["models"]["paygo"]["intermediate"]["drift"]
    years = 24 * 365
    assert all(drift[name]["+hours_to_expiration"] >= 10 * years for name in kept)


def test_a_filter_is_told_from_none() -> None:
    read = "with a as (\n    select * from {{ source('raw', 'core__zones') }}\n"
    assert unfiltered(f"{read})\nselect 1") == {"raw.core__zones"}
    assert unfiltered(f"{read}    where status = 'x'\n)\nselect 1") == {"raw.core__zones"}
    assert unfiltered(f"{read}    where _as_of >= {{{{ then }}}}\n)\nselect 1") == set()
    both = f"{read}    where _as_of >= 1\n),\n{read.removeprefix('with ')})\nselect 1"
    assert unfiltered(both) == {"raw.core__zones"}
    by_macro = "with a as (\n    {{ keys_with(\n 'core.zones', 'zone_id', 'x', 'y') }}\n)"
    assert unfiltered(by_macro) == {"raw.core__zones"}
    assert unfiltered("with a as (\n    select * from {{ ref('dim_accounts') }}\n)") == set()


def worklist_sql(analyzed_again: Analyzed, model: str) -> str:
    """Return the statement by which a second run writes a worklist."""
    sent = {sql for sql, _ in analyzed_again.server.statements[analyzed_again.known :]}
    (found,) = (sql for sql in sent if f"`{model}`" in sql and "create or replace table" in sql)
    return found


@pytest.mark.parametrize("model", WORKLISTS)
def test_a_worklist_reads_what_is_not_judged_by_partition(
    analyzed_again: Analyzed, model: str
) -> None:
    sql = worklist_sql(analyzed_again, model)
    stream = WORKLISTS[model]
    for which, bound in (
        ("is_new and is_first", "< timestamp_micros(0)"),
        ("is_new and not is_first", f">= timestamp_micros({SINCE})"),
    ):
        chosen = f"_load_id in (select load_id from loads where stream = '{stream}' and {which})"
        places = sql.split(chosen)[1:]
        assert places, which
        assert all(re.match(rf"\s+and _as_of {re.escape(bound)}\s", text) for text in places)


@pytest.mark.parametrize(
    ("is_first", "as_of", "holds"),
    [
        (False, "timestamp_micros(1774310400000000)", True),
        (False, "timestamp_micros(1774310400000001)", True),
        (False, "timestamp_micros(1774310399999999)", False),
        (True, "timestamp_micros(1774310400000001)", False),
    ],
)
def test_a_load_that_the_constants_would_leave_out_stops_the_worklist(
    analyzed_again: Analyzed, is_first: bool, as_of: str, holds: bool
) -> None:
    sql = worklist_sql(analyzed_again, "int_drift__stripe_worklist")
    condition = sql[sql.rindex("from loads\n") :].split("where ", 1)[1].split("\n)\n")[0]
    load = f"'{OPES}' as stream, true as is_new, {is_first} as is_first, {as_of} as as_of"
    asked = f"select cast(count(*) as string) from (select {load}) as loads where {condition}"
    if holds:
        assert evaluate(asked) == ["1"]
    else:
        with pytest.raises(Refused, match="run it again"):
            evaluate(asked)
