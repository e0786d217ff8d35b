"""Verbs about the warehouse itself."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands.common import fail

app = typer.Typer()


@app.command()
def bootstrap(apply: Annotated[bool, typer.Option(help="Do it.")] = False) -> None:
    """Show (or do) what a BigQuery project needs."""
    fail(
        "the BigQuery target is not available in this version. "
        "To do: use the embedded warehouse (PAYGO_TARGET=duckdb)."
    )
