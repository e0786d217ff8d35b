"""When runs start: at the end of every UTC day, and once more in the morning.

One job runs the whole pipeline, so that a source that fails does not stop what stands
on the others: each stage is a Dagster run of its own (`orchestration.pipeline`).
"""

import dagster as dg

from orchestration.defs.digest import DIGEST_SCHEDULE
from orchestration.defs.runtime import WRITING


@dg.op(description="Extract, build, check, alert, write the page and publish.", pool=WRITING)
def run_all_stages(context: dg.OpExecutionContext) -> None:
    """Run the pipeline; the op fails when nothing was done or a stream failed, naming it."""
    from orchestration.pipeline import run_pipeline
    from orchestration.settings import Settings

    _require_limits_by_run(context.instance)
    report = run_pipeline(Settings.load(), instance=context.instance)
    if report.exit_code:
        raise dg.Failure(report.summary(), allow_retries=False)


def _require_limits_by_run(instance: dg.DagsterInstance) -> None:
    """The stages are runs within this one: limited by op, they would wait for it for ever."""
    storage = instance.event_log_storage
    config = storage.get_pool_config()
    is_limited = config.default_pool_limit is not None or any(
        pool.name == WRITING for pool in storage.get_pool_limits()
    )
    granularity = config.pool_granularity
    if is_limited and (granularity is None or granularity.value != "run"):
        raise dg.Failure(
            f"the pool {WRITING!r} is limited by op, and this run holds its place. To do: set "
            "concurrency.pools.granularity to run in dagster.yaml",
            allow_retries=False,
        )


@dg.job(name="pipeline", description="One pipeline run against the configured sources.")
def pipeline_job() -> None:
    run_all_stages()


SCHEDULES = [
    dg.ScheduleDefinition(
        name="end_of_day",
        job=pipeline_job,
        cron_schedule="0 0 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Closes the UTC day: its observations become complete.",
    ),
    dg.ScheduleDefinition(
        name="morning",
        job=pipeline_job,
        cron_schedule="0 6 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Brings the page up to date before the working day.",
    ),
    DIGEST_SCHEDULE,
]
