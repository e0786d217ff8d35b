"""The weekly digest as a job: written on Monday for the week that has ended, and sent.

Belongs here: the job and when it starts. Does not: what the digest says or how it is sent
(`orchestration.tickets.digest`).
"""

import dagster as dg


@dg.op(description="Write the digest of the last complete week and send it to the alert channels.")
def write_and_send_digest(context: dg.OpExecutionContext) -> None:
    """Fail when a channel did not take it, naming the channel; without channels only write."""
    from orchestration.settings import Settings
    from orchestration.tickets.digest import last_week, send_digest, write_digest
    from orchestration.warehouse import open_warehouse

    settings = Settings.load()
    week = last_week(settings.clock().now().date())
    with open_warehouse(settings, "read") as warehouse:
        report = write_digest(warehouse, week, settings.home / "digests")
    context.log.info(f"wrote {report.markdown} and {report.html}")
    if not settings.alert_urls.strip():
        context.log.warning("not sent: PAYGO_ALERT_URLS names no channel")
        return
    outcomes = send_digest(report, week, settings.alert_urls)
    failures = [f"{o.channel}: {o.message}" for o in outcomes if not o.delivered]
    if failures:
        raise dg.Failure("; ".join(failures), allow_retries=True)
    context.log.info(f"sent to {', '.join(o.channel for o in outcomes)}")


@dg.job(name="weekly_digest", description="The ticket digest of the week that has ended.")
def digest_job() -> None:
    write_and_send_digest()


DIGEST_SCHEDULE = dg.ScheduleDefinition(
    name="monday_digest",
    job=digest_job,
    cron_schedule="0 7 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Sends the ticket digest on Monday, after the morning run.",
)
