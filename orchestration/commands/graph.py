"""Verbs about the knowledge graph."""

from __future__ import annotations

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer(help="The knowledge graph.", invoke_without_command=True)


@app.callback()
def graph(context: typer.Context, as_json: AsJson = False) -> None:
    """Show counts by kind, domain and status, untested hypotheses, and debt."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.graph_reading import graph_document

    with published(load_settings()) as warehouse:
        document = graph_document(warehouse)
    if as_json:
        emit(document)
        return
    from orchestration.console import print_rows

    for name in ("by_kind", "by_domain", "by_status"):
        print_rows(name.replace("_", " "), document[name])
    print_rows("untested hypotheses", document["untested_hypotheses"])
    print_rows("knowledge debt", document["debt"][:20])


@app.command("lint")
def graph_lint() -> None:
    """Check the authored files; every error names file and line."""
    from orchestration.knowledge.compile import lint

    errors = lint()
    for error in errors:
        typer.echo(str(error), err=True)
    typer.echo(f"{len(errors)} error(s)")
    raise typer.Exit(int(bool(errors)))
