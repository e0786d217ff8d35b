"""Alerts in Dagster: the evaluation as an asset of a run, and sensors between runs.

Belongs here: when an evaluation happens. Does not: the policy or the channels
(`orchestration.alerting`). Cron does without Dagster: `paygo alerts evaluate` and `watch`.
"""

from datetime import timedelta
from typing import cast

import dagster as dg

from orchestration.defs.quality import STATUS_KEY
from orchestration.defs.runtime import RUNTIME, WRITING, Runtime

ALERTS_KEY = dg.AssetKey(["alerts", "incidents"])


@dg.asset(
    key=ALERTS_KEY,
    deps=[STATUS_KEY],
    group_name="alerts",
    pool=WRITING,
    required_resource_keys={RUNTIME},
    description="Open incidents, one a cause, and their delivery.",
)
def incidents(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Evaluate the policy, record incidents, deliver what is new; fail when delivery failed."""
    from orchestration.alerting.evaluate import evaluate_alerts

    runtime = cast(Runtime, getattr(context.resources, RUNTIME))
    with runtime.warehouse() as warehouse:
        report = evaluate_alerts(warehouse, runtime.settings, runtime.as_ofs[-1])
        if runtime.open_warehouse is None:
            warehouse.publish_ops()  # a run of its own: nobody after it would
    if report.failures:
        raise dg.Failure("; ".join(report.failures), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "open": len(report.open),
            "opened": len(report.opened),
            "resolved": len(report.resolved),
        }
    )


@dg.op(description="Evaluate alerts now, between runs of the pipeline.")
def evaluate_alerts_now(context: dg.OpExecutionContext) -> None:
    """Evaluate and publish; gives way to a run in progress, which evaluates at its end itself."""
    from orchestration.alerting.commands import evaluate_now
    from orchestration.errors import TransientFailure
    from orchestration.settings import Settings

    try:
        report = evaluate_now(Settings.load())
    except TransientFailure as error:
        context.log.info(f"not now: {error}")
        return
    context.log.info(f"{len(report.open)} open, {report.sent} message(s) sent")
    if report.failures:
        raise dg.Failure("; ".join(report.failures), allow_retries=False)


@dg.job(name="evaluate_alerts", description="One evaluation of the alerts between runs.")
def evaluate_alerts_job() -> None:
    evaluate_alerts_now()


EVALUATE_EVERY = timedelta(minutes=30)


@dg.sensor(
    job=evaluate_alerts_job,
    minimum_interval_seconds=int(EVALUATE_EVERY.total_seconds()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts an evaluation every half hour: evidence grows old between runs too.",
)
def alert_evaluation(context: dg.SensorEvaluationContext) -> dg.RunRequest:
    """Ask for one evaluation a half hour; a key a half hour keeps restarts from doubling it."""
    from orchestration.settings import Settings

    now = Settings.load().clock().now()
    slot = int(now.timestamp() // EVALUATE_EVERY.total_seconds())
    return dg.RunRequest(run_key=f"alerts-{slot}")


@dg.sensor(
    job=evaluate_alerts_job,
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Speaks when evaluations have stopped although this daemon lives.",
)
def dead_man_watch(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Read the heartbeat as cron does; the same watch, so it is told once."""
    from orchestration.alerting.heartbeat import watch
    from orchestration.settings import Settings

    settings = Settings.load()
    report = watch(settings, settings.clock().now())
    return dg.SkipReason(f"{report.state}, told {report.told}: {report.message}")


SENSORS = [alert_evaluation, dead_man_watch]
