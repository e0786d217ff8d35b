"""Verbs that read metrics and claims."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer()


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show every metric: value, as of, freshness, level, check, owner."""
    from orchestration.reading import status_document

    settings = load_settings()
    with published(settings) as warehouse:
        document = status_document(warehouse, settings.clock().now())
    if as_json:
        emit(document)
        return
    from orchestration import console

    console.stdout().print(console.metric_table(document))


@app.command()
def verify(
    as_of: Annotated[
        str | None, typer.Option(help="Compare with the state as it was known at this moment.")
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option(help="Allow this difference everywhere: `2 %` or `0.5`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Execute every claim's query again and compare."""
    from contextlib import nullcontext
    from dataclasses import asdict

    from dashboards.verification import verify as verify_claims
    from orchestration.time_travel import warehouse_as_of

    settings = load_settings()
    with (
        published(settings) as warehouse,
        warehouse_as_of(settings, as_of) if as_of else nullcontext() as then,
    ):
        report = verify_claims(warehouse, tolerance=tolerance, at=then)
    document = asdict(report) | ({"as_of": as_of} if as_of else {})
    wrong = bool(document["differs"] or document["broken"])
    if as_json:
        emit(document)
    else:
        typer.echo(
            f"{document['reproduced']} of {document['claims']} claims reproduced "
            f"({len(document['within_tolerance'])} within their tolerance), "
            f"{len(document['stale'])} on stale evidence"
        )
        for kind in ("differs", "broken"):
            for item in document[kind]:
                typer.echo(f"{kind}: {item}")
    raise typer.Exit(2 if wrong else 0)
