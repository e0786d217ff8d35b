"""Verbs about alerts and incidents."""

from __future__ import annotations

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer(help="Alerts and incidents.", invoke_without_command=True)


@app.callback()
def alerts(context: typer.Context, as_json: AsJson = False) -> None:
    """List the alerts that are not resolved."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.alerting.commands import open_alerts

    with published(load_settings()) as warehouse:
        rows = open_alerts(warehouse)
    if as_json:
        emit({"alerts": rows})
        return
    from orchestration.console import print_rows

    print_rows("Open alerts", rows)


@app.command("evaluate")
def alerts_evaluate() -> None:
    """Evaluate the policy now and deliver what changed."""
    from orchestration.alerting.commands import evaluate_now

    report = evaluate_now(load_settings())
    typer.echo(
        f"{len(report.opened)} opened, {len(report.resolved)} resolved, {len(report.open)} open"
    )
    for failure in report.failures:
        typer.echo(f"not delivered: {failure}", err=True)
    raise typer.Exit(2 if report.failures else 0)


@app.command("ack")
def alerts_ack(incident_id: str) -> None:
    """Acknowledge an incident: somebody has it."""
    from orchestration.alerting.commands import change_state

    typer.echo(change_state(load_settings(), incident_id, "acknowledged"))


@app.command("mute")
def alerts_mute(incident_id: str) -> None:
    """Mute an incident until it is resolved or becomes more severe."""
    from orchestration.alerting.commands import change_state

    typer.echo(change_state(load_settings(), incident_id, "muted"))


@app.command("test")
def alerts_test() -> None:
    """Send a test message to every configured channel."""
    from orchestration.alerting.commands import send_test

    outcomes = send_test(load_settings())
    for outcome in outcomes:
        typer.echo(f"{outcome.channel}: {'delivered' if outcome.delivered else outcome.message}")
    raise typer.Exit(int(not all(o.delivered for o in outcomes)))
