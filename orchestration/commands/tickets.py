"""Verbs about support tickets."""

from __future__ import annotations

from pathlib import Path

import typer

from orchestration.commands.common import AsJson, emit

app = typer.Typer(help="Tickets.", no_args_is_help=True)


@app.command("classify")
def tickets_classify(file: Path, as_json: AsJson = False) -> None:
    """Classify a JSONL file of tickets."""
    from orchestration.tickets.classify import classify_file

    document = classify_file(file)
    if as_json:
        emit(document)
        return
    from orchestration.console import print_rows

    shown = ("key", "category", "confidence", "sure", "rule", "matched", "engineering_blocked")
    rows = [{name: row[name] for name in shown} for row in document["tickets"]]
    print_rows(f"Tickets of {file.name}", rows)
