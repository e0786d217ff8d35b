"""All definitions put together, and the jobs that are the stages of a run.

Belongs here: which assets a stage covers. Does not: the order of the stages
(`orchestration.pipeline`).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from orchestration.dbt_command import prepare_manifest
from orchestration.defs import alerts, dashboard, jira, knowledge, postgres, stripe, tickets
from orchestration.defs.dbt import dbt_resource, reporting_keys, warehouse_models
from orchestration.defs.digest import digest_job
from orchestration.defs.quality import DATA_DOCS_KEY, data_docs, expectation_checks
from orchestration.defs.reconciliation import reconciliation_specs
from orchestration.defs.runtime import RUNTIME, environment_runtime
from orchestration.defs.schedules import SCHEDULES, pipeline_job
from orchestration.settings import Settings

EXTRACT = "extract"
TRANSFORM = "transform"
CHECK = "check"
ALERT = "alert"
PAGE = "page"
DATA_DOCS = "data_docs"

RAW_ASSETS = [
    *postgres.ASSETS,
    *stripe.ASSETS,
    *jira.ASSETS,
    *knowledge.ASSETS,
    *tickets.ASSETS,
]


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return assets, checks, jobs and schedules; parses the dbt project when it has changed."""
    manifest = prepare_manifest(settings)
    models = warehouse_models(manifest)
    checks = expectation_checks(manifest)
    raw = dg.AssetSelection.assets(*RAW_ASSETS).without_checks()
    # The other checks of raw assets look at the finished models; this one looks at a load.
    reconciled = dg.AssetSelection.checks(*(spec.key for spec in reconciliation_specs()))
    return dg.Definitions(
        assets=[
            *RAW_ASSETS,
            models,
            alerts.incidents,
            data_docs,
            dashboard.page_asset(reporting_keys(manifest)),
        ],
        asset_checks=[checks],
        jobs=[
            pipeline_job,
            digest_job,
            alerts.evaluate_alerts_job,
            dg.define_asset_job(EXTRACT, selection=raw | reconciled),
            # dbt's own tests run with the models; the expectations are a stage of their own.
            dg.define_asset_job(
                TRANSFORM,
                selection=dg.AssetSelection.assets(models) - dg.AssetSelection.checks(checks),
            ),
            dg.define_asset_job(CHECK, selection=dg.AssetSelection.checks(checks)),
            dg.define_asset_job(ALERT, selection=dg.AssetSelection.assets(alerts.ALERTS_KEY)),
            dg.define_asset_job(
                DATA_DOCS, selection=dg.AssetSelection.assets(DATA_DOCS_KEY).without_checks()
            ),
            dg.define_asset_job(PAGE, selection=dg.AssetSelection.assets(dashboard.PAGE_KEY)),
        ],
        schedules=SCHEDULES,
        sensors=alerts.SENSORS,
        resources={RUNTIME: environment_runtime, "dbt": dbt_resource(settings)},
    )


def stage_job(
    definitions: dg.Definitions, job: str, keys: Sequence[dg.AssetKey] | None = None
) -> dg.JobDefinition:
    """Return a stage's job, or the part of it that makes these assets."""
    definition = definitions.resolve_job_def(job)
    if keys is None:
        return definition
    # Asked for assets alone, Dagster would add the checks of later stages to them.
    own = {spec.key for spec in reconciliation_specs() if spec.asset_key in keys}
    return definition.get_subset(asset_selection=set(keys), asset_check_selection=own)
