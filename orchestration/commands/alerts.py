"""Verbs about alerts and incidents."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer(help="Alerts and incidents.", invoke_without_command=True)


@app.callback()
def alerts(context: typer.Context, as_json: AsJson = False) -> None:
    """List the alerts that are not resolved, and what is muted."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.alerting.commands import open_alerts, running_mutes

    settings = load_settings()
    with published(settings) as warehouse:
        rows = open_alerts(warehouse, settings.runbook_base)
        mutes = running_mutes(warehouse, settings.clock().now())
    if as_json:
        emit({"alerts": rows, "muted": mutes})
        return
    from orchestration.console import print_rows

    print_rows("Open alerts", rows)
    if mutes:
        print_rows("Muted", mutes)


@app.command("evaluate")
def alerts_evaluate(as_json: AsJson = False) -> None:
    """Evaluate the policy now and send what is due. For cron: 0 fine, 2 not all arrived."""
    from orchestration.alerting.commands import evaluate_now

    report = evaluate_now(load_settings())
    if as_json:
        counts = {name: len(getattr(report, name)) for name in ("open", "opened", "resolved")}
        emit({**counts, "sent": report.sent, "held": len(report.held),
              "failures": list(report.failures)})  # fmt: skip
    else:
        typer.echo(
            f"{len(report.opened)} opened, {len(report.resolved)} resolved, "
            f"{len(report.open)} open; {report.sent} message(s) sent, {len(report.held)} held back"
        )
    for failure in report.failures:
        typer.echo(f"not delivered: {failure}", err=True)
    raise typer.Exit(2 if report.failures else 0)


@app.command("watch")
def alerts_watch(as_json: AsJson = False) -> None:
    """Tell when evaluations have stopped. For cron or a timer; reads no warehouse, takes no lock.

    Exit code 0 alive, 2 silent (or the message did not arrive).
    """
    from orchestration.alerting.heartbeat import watch

    settings = load_settings()
    report = watch(settings, settings.clock().now())
    if as_json:
        emit({"state": report.state, "told": report.told, "message": report.message})
    else:
        typer.echo(f"{report.state}: {report.message}")
    for outcome in report.outcomes:
        if not outcome.delivered:
            typer.echo(f"not delivered: {outcome.channel}: {outcome.message}", err=True)
    raise typer.Exit(report.exit_code)


@app.command("ack")
def alerts_ack(incident_id: str, by: str = "") -> None:
    """Acknowledge an incident: somebody has it, reminders stop until it becomes more severe."""
    from orchestration.alerting.commands import acknowledge

    typer.echo(acknowledge(load_settings(), incident_id, by or getpass.getuser()))


@app.command("mute")
def alerts_mute(
    subject: Annotated[
        str, typer.Argument(help="all, an incident id, source:NAME, owner:NAME or metric:ID")
    ],
    hours: Annotated[float, typer.Option(help="For how long.")] = 8.0,
    reason: Annotated[str, typer.Option(help="Why, for those who wonder.")] = "",
) -> None:
    """Silence a subject for a while; what is still wrong afterwards is told then."""
    from orchestration.alerting.commands import mute

    typer.echo(mute(load_settings(), subject, hours, reason))


@app.command("unmute")
def alerts_unmute(subject: str) -> None:
    """End the mutes of a subject now."""
    from orchestration.alerting.commands import unmute

    typer.echo(unmute(load_settings(), subject))


@app.command("deliveries")
def alerts_deliveries(as_json: AsJson = False, last: int = 20) -> None:
    """List the last messages: channel, title, whether they arrived and why not."""
    from orchestration.alerting.commands import deliveries

    with published(load_settings()) as warehouse:
        rows = deliveries(warehouse, last)
    if as_json:
        emit({"deliveries": rows})
        return
    from orchestration.console import print_rows

    print_rows("Messages", rows)


@app.command("test")
def alerts_test() -> None:
    """Send a test message to every configured channel."""
    from orchestration.alerting.commands import send_test

    outcomes = send_test(load_settings())
    for outcome in outcomes:
        typer.echo(f"{outcome.channel}: {'delivered' if outcome.delivered else outcome.message}")
    raise typer.Exit(int(not all(o.delivered for o in outcomes)))
