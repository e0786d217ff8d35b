"""Verbs about the models themselves."""

from __future__ import annotations

import typer

from orchestration.commands.common import load_settings

app = typer.Typer()


@app.command()
def docs() -> None:
    """Write the models' documentation (dbt docs) as one static page."""
    from orchestration.model_docs import write_model_docs

    typer.echo(str(write_model_docs(load_settings())))
