"""Verbs that read metrics and claims."""

from __future__ import annotations

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
def verify(as_json: AsJson = False) -> None:
    """Execute every claim's query again and compare."""
    from dataclasses import asdict

    from dashboards.build import verify as verify_claims

    with published(load_settings()) as warehouse:
        report = verify_claims(warehouse)
    document = asdict(report)
    wrong = bool(document["differs"] or document["broken"])
    if as_json:
        emit(document)
    else:
        typer.echo(
            f"{document['reproduced']} of {document['claims']} claims reproduced, "
            f"{len(document['stale'])} on stale evidence"
        )
        for kind in ("differs", "broken"):
            for item in document[kind]:
                typer.echo(f"{kind}: {item}")
    raise typer.Exit(2 if wrong else 0)
