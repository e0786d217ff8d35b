"""Verbs about the knowledge graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer(help="The knowledge graph.", invoke_without_command=True)

Folder = Annotated[Path | None, typer.Argument(help="Folder of graph files; default: authored.")]


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

    typer.echo(
        f"{document['nodes']} nodes ({document['simulated_nodes']} simulated), "
        f"{document['edges']} edges, {document['domains']} domains, "
        f"{len(document['untested_hypotheses'])} untested hypotheses, "
        f"{len(document['orphan_claims'])} orphan claims"
    )
    for name in ("by_kind_and_status", "by_domain", "by_certification", "hypotheses"):
        print_rows(name.replace("_", " "), document[name])
    print_rows("untested hypotheses, oldest first", document["untested_hypotheses"][:20])
    print_rows("contradictions", document["contradictions"][:20])
    print_rows("single points of evidential failure", document["single_points"][:20])
    print_rows("knowledge debt", document["debt"][:20])


@app.command("node")
def graph_node(node_id: str, as_json: AsJson = False) -> None:
    """Show one node: status, the path that proves it, its neighbours, what rests on it."""
    from orchestration.graph_reading import node_document

    with published(load_settings()) as warehouse:
        document = node_document(warehouse, node_id)
    if as_json:
        emit(document)
        return
    from orchestration.console import print_rows

    node = document["node"]
    typer.echo(f"{node['node_id']}: {node['title']}")
    typer.echo(f"{node['statement'] or ''}")
    typer.echo(f"status: {node['status']} · proof: {node['proof'] or 'none'}")
    if node["certification"] != "none":
        reason = f" ({node['certification_reason']})" if node["certification_reason"] else ""
        by = f"by {node['certified_by']} on {node['certified_on']}"
        typer.echo(f"certificate: {node['certification']}{reason}, {by}")
    typer.echo(f"written in {node['file']}:{node['line']}")
    for name in ("incoming", "outgoing"):
        print_rows(name, document[name])
    for name in ("prediction", "blast_radius"):
        if document[name]:
            row = document[name]
            shown = [{"": key, "value": value} for key, value in row.items() if value is not None]
            print_rows(name.replace("_", " "), shown)
    print_rows("rests on", document["rests_on"][:20])


@app.command("debt")
def graph_debt(as_json: AsJson = False) -> None:
    """Rank claims without backing by what rests on them."""
    from orchestration.graph_reading import debt

    with published(load_settings()) as warehouse:
        rows = debt(warehouse)
    if as_json:
        emit({"debt": rows})
        return
    from orchestration.console import print_rows

    print_rows("knowledge debt", rows[:50])


@app.command("lint")
def graph_lint(folder: Folder = None) -> None:
    """Check graph files; every error names file and line."""
    from orchestration.knowledge.compile import GRAPH_FOLDER, lint

    errors = lint(folder or GRAPH_FOLDER)
    for error in errors:
        typer.echo(str(error), err=True)
    typer.echo(f"{len(errors)} error(s)")
    raise typer.Exit(int(bool(errors)))


@app.command("schema")
def graph_schema() -> None:
    """Print the JSON Schema of graph files, for editors."""
    from orchestration.knowledge.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command("certify")
def graph_certify(
    claim: str,
    by: Annotated[str, typer.Option(help="Team that certifies.")],
    folder: Folder = None,
) -> None:
    """Print the lines that certify a claim as it is defined now; write them below it."""
    from orchestration.errors import PermanentFailure
    from orchestration.knowledge.compile import GRAPH_FOLDER, compile_graph

    nodes = compile_graph(folder or GRAPH_FOLDER).nodes.to_pylist()
    found = [n for n in nodes if n["node_id"] == claim and n["kind"] == "claim"]
    if not found:
        raise PermanentFailure(f"the graph has no claim {claim!r}.")
    typer.echo(f"    certified_by: {by}")
    typer.echo(f"    certified_on: {load_settings().clock().now():%Y-%m-%d}")
    typer.echo(f"    certified_definition: {found[0]['evidence_hash']}")
