"""The Great Expectations suites as Dagster asset checks, and GX's own pages about them.

Belongs here: which asset a check belongs to, the record of its verdict, and what holds the page
back. Does not: the checks themselves (`expectations`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import dagster as dg

from expectations.checks import NO_OBSERVATION, WRONG_NUMBER_RULES, Check, all_checks
from orchestration.defs.dbt import warehouse_models
from orchestration.defs.raw import raw_key
from orchestration.defs.reconciliation import unreconciled
from orchestration.defs.runtime import RUNTIME, WRITING, Runtime
from orchestration.sources.contract import table

if TYPE_CHECKING:
    from datetime import datetime

    from expectations.runner import CheckResult
    from orchestration.warehouse.base import Warehouse

STATUS_KEY = dg.AssetKey(["reporting", "rpt_metric_status"])
DATA_DOCS_KEY = dg.AssetKey(["quality", "data_docs"])


def check_name(check: Check) -> str:
    """Return the check's id as Dagster allows names (no dots)."""
    return check.check_id.replace(".", "__")


def checked_asset(check: Check, manifest: Path) -> dg.AssetKey:
    """Return the asset a check is about: the raw table, or the metric's own model."""
    if check.subject_kind == "stream":
        return raw_key(table(check.subject))
    own = dg.AssetKey(["metrics", f"metric_{check.subject}"])
    return own if own in warehouse_models(manifest).keys else STATUS_KEY


def expectation_checks(manifest: Path) -> dg.AssetChecksDefinition:
    """Build all suites as one step: their evidence is gathered in bundled queries."""
    checks = {check.check_id: check for check in all_checks()}
    assets = {check_id: checked_asset(check, manifest) for check_id, check in checks.items()}
    specs = [
        dg.AssetCheckSpec(
            check_name(check),
            asset=assets[check_id],
            description=check.expectation,
            # Not `blocking`: Dagster cannot hold back what was built before the checks of it ran.
            # The evidence is gathered from the finished models; `held_back` holds the page.
            additional_deps=[STATUS_KEY] if assets[check_id] != STATUS_KEY else [],
        )
        for check_id, check in checks.items()
    ]

    @dg.multi_asset_check(
        name="expectations", specs=specs, pool=WRITING, required_resource_keys={RUNTIME}
    )
    def expectations(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        from expectations.runner import record, run_checks

        runtime = cast(Runtime, getattr(context.resources, RUNTIME))
        now = runtime.as_ofs[-1]
        with runtime.warehouse() as warehouse:
            results = run_checks(warehouse, now)
            record(warehouse, results, runtime.run_id, now)
        for result in results:
            yield _evaluation(result, assets[result.check.check_id])

    return expectations


def held_back(warehouse: "Warehouse", now: "datetime") -> list[str]:
    """Return the blocking checks that did not pass at `now`: a number of the page may be wrong.

    A load that would not have agreed with its source has not landed; its stream is late, not wrong.
    What was never observed, as on a first run, has no number yet: the page says so. What was
    observed once and is empty now has lost its number.
    """
    rows = warehouse.rows(
        "select check_id, subject_kind, rule, message from ops.check_results as latest "
        "where evaluated_at = ? and verdict <> 'passed' and (message <> ? or exists ("
        "select 1 from ops.check_results as earlier where earlier.check_id = latest.check_id "
        "and earlier.message <> ?)) order by check_id",
        (now.replace(tzinfo=None), NO_OBSERVATION, NO_OBSERVATION),
    )
    wrong = [
        f"{row['check_id']}: {row['message']}"
        for row in rows
        if (row["subject_kind"], row["rule"]) in WRONG_NUMBER_RULES
    ]
    return wrong + [f"stream.reconciliation.{text}" for text in unreconciled(warehouse, now)]


@dg.asset(
    key=DATA_DOCS_KEY,
    deps=[STATUS_KEY],
    group_name="quality",
    pool=WRITING,
    required_resource_keys={RUNTIME},
    description="Great Expectations' own pages about every suite, under .paygo/data_docs.",
)
def data_docs(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Write Data Docs from what the warehouse shows now."""
    from expectations.runner import write_docs

    runtime = cast(Runtime, getattr(context.resources, RUNTIME))
    folder = runtime.settings.home / "data_docs"
    with runtime.warehouse() as warehouse:
        first = write_docs(warehouse, runtime.as_ofs[-1], folder)
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(str(first))})


def _evaluation(result: "CheckResult", asset: dg.AssetKey) -> dg.AssetCheckResult:
    broken = result.verdict == "broken"
    return dg.AssetCheckResult(
        passed=result.verdict == "passed",
        asset_key=asset,
        check_name=check_name(result.check),
        severity=dg.AssetCheckSeverity.ERROR if broken else dg.AssetCheckSeverity.WARN,
        metadata={
            "verdict": result.verdict,
            "observed": result.observed,
            "message": result.message,
            "evidence_as_of": str(result.evidence_as_of),
        },
    )
