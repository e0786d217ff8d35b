"""When runs start: at the end of every UTC day, and once more in the morning.

One job runs the whole pipeline, so that a source that fails does not stop what stands
on the others: each stage is a Dagster run of its own (`orchestration.pipeline`).
"""

import dagster as dg

from orchestration.defs.digest import DIGEST_SCHEDULE


@dg.op(description="Extract, build, check, alert, write the page and publish.")
def run_all_stages(context: dg.OpExecutionContext) -> None:
    """Run the pipeline; the op fails when nothing was done or a stream failed, naming it."""
    from orchestration.pipeline import run_pipeline
    from orchestration.settings import Settings

    report = run_pipeline(Settings.load(), instance=context.instance)
    if report.exit_code:
        raise dg.Failure(report.summary(), allow_retries=False)


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
