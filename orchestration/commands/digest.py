"""The verb that writes the weekly digest."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands.common import load_settings, published

app = typer.Typer()


@app.command()
def digest(week: Annotated[str, typer.Option(help="ISO week such as 2026-W12.")]) -> None:
    """Write the weekly ticket digest (Markdown and HTML)."""
    from orchestration.tickets.digest import write_digest

    settings = load_settings()
    with published(settings) as warehouse:
        for path in write_digest(warehouse, week, settings.home / "digests"):
            typer.echo(str(path))
