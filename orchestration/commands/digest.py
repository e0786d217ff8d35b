"""The verb that writes, and sends, the weekly digest."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands.common import load_settings, published

app = typer.Typer()


@app.command()
def digest(
    week: Annotated[str | None, typer.Option(help="ISO week; default: the last complete.")] = None,
    send: Annotated[bool, typer.Option(help="Send it through the alert channels too.")] = False,
) -> None:
    """Write the weekly ticket digest (Markdown and HTML)."""
    from orchestration.errors import PermanentFailure, TransientFailure
    from orchestration.tickets.digest import last_week, send_digest, write_digest

    settings = load_settings()
    if send and not settings.alert_urls.strip():
        raise PermanentFailure(
            "no channel is configured.", todo="set PAYGO_ALERT_URLS to one or more apprise URLs."
        )
    chosen = week or last_week(settings.clock().now().date())
    with published(settings) as warehouse:
        report = write_digest(warehouse, chosen, settings.home / "digests")
    for path in report:
        typer.echo(str(path))
    if not send:
        return
    outcomes = send_digest(report, chosen, settings.alert_urls)
    failures = [f"{o.channel}: {o.message}" for o in outcomes if not o.delivered]
    if failures:
        raise TransientFailure("; ".join(failures), tried="send the digest", todo="send it again.")
    typer.echo(f"sent to {', '.join(o.channel for o in outcomes)}")
