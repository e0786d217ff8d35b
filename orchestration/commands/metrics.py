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
def restatements(metric: str = "", as_json: AsJson = False) -> None:
    """List the past values that were said differently later: old, new, cause."""
    from orchestration.reading import restatement_rows

    with published(load_settings()) as warehouse:
        rows = restatement_rows(warehouse, metric)
    if as_json:
        emit({"restatements": rows})
        return
    from orchestration.console import print_rows

    print_rows("Restated values", rows)


@app.command()
def checks(
    docs: Annotated[bool, typer.Option(help="Also write Great Expectations' pages.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the checks that did not pass at the last evaluation; exit code 2 when there are any."""
    from orchestration.reading import check_rows

    settings = load_settings()
    with published(settings) as warehouse:
        rows = check_rows(warehouse)
        page = ""
        if docs:
            from expectations.runner import write_docs

            folder = settings.home / "data_docs"
            page = str(write_docs(warehouse, settings.clock().now(), folder))
    if as_json:
        emit({"checks": rows, "data_docs": page})
    else:
        from orchestration.console import print_rows

        print_rows("Checks that did not pass", rows)
        if page:
            typer.echo(page)
    raise typer.Exit(2 if rows else 0)


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
