"""Verbs about drift and single accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer()


@app.command()
def drift(
    detector: Annotated[str, typer.Option(help="stripe, zone_plan, triple_store, ...")],
    date: Annotated[str | None, typer.Option(help="A UTC day such as 2026-03-21.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a detector's discrepancies and exclusions on a day (default: its last)."""
    from datetime import date as calendar_date

    from orchestration.errors import PermanentFailure
    from orchestration.reading import drift_document

    try:
        day = calendar_date.fromisoformat(date) if date else None
    except ValueError as error:
        raise PermanentFailure(f"{date!r} is no date.", todo="write it as 2026-03-21.") from error
    with published(load_settings()) as warehouse:
        document = drift_document(warehouse, detector, day)
    if as_json:
        emit(document)
        return
    from orchestration.console import print_rows

    title = f"{detector} drift at the end of {document['date']}"
    print_rows(title, document["discrepancies"])
    print_rows("Excluded", document["exclusions"])


@app.command()
def account(account_id: str, as_json: AsJson = False) -> None:
    """Show one account over all six stores as a timeline."""
    from orchestration.timeline import account_timeline

    with published(load_settings()) as warehouse:
        events = account_timeline(warehouse, account_id)
    if as_json:
        emit({"account_id": account_id, "events": events})
        return
    from orchestration.console import print_rows

    print_rows(f"Account {account_id}", events)
