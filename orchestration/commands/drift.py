"""Verbs about drift and single accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

if TYPE_CHECKING:
    from datetime import date as calendar_date

app = typer.Typer()
drift_app = typer.Typer(help="Discrepancies between the stores.", invoke_without_command=True)
app.add_typer(drift_app, name="drift")

Day = Annotated[str | None, typer.Option("--date", help="A UTC day such as 2026-03-21.")]


@drift_app.callback()
def drift(
    context: typer.Context,
    detector: Annotated[
        str | None, typer.Option(help="stripe, zone_plan, triple_store, double_charge, entitlement")
    ] = None,
    date: Day = None,
    kind: Annotated[str | None, typer.Option(help="Only this verdict.")] = None,
    state: Annotated[
        str | None, typer.Option(help="new, persistent, suspended; resolved (last day only).")
    ] = None,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    entity: Annotated[str | None, typer.Option(help="Only this entity.")] = None,
    mark: Annotated[str | None, typer.Option(help="accepted, false, or none.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only exclusions of this reason.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a CSV file instead (- : stdout).")] = None,
    as_json: AsJson = False,
) -> None:
    """List a detector's discrepancies and exclusions on a day; without a detector, sum up all."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.drift_reading import Filters, drift_document

    if detector is None:
        _sum_up(as_json)
        return
    settings = load_settings()
    filters = Filters(kind, state, account, entity, mark, reason)
    with published(settings) as warehouse:
        document = drift_document(warehouse, detector, _day(date), settings.clock().now(), filters)
    if csv is not None:
        _write_csv(document, csv)
    elif as_json:
        emit(document)
    else:
        _print(document)


@drift_app.command("explain")
def drift_explain(name: str, date: Day = None, as_json: AsJson = False) -> None:
    """Show both sides of one discrepancy (its id or entity) beside each other, and the rule."""
    from orchestration.drift_explain import explain

    with published(load_settings()) as warehouse:
        document = explain(warehouse, name, _day(date))
    if as_json:
        emit(document)
        return
    from orchestration.console import print_rows

    found = document["discrepancy"]
    typer.echo(f"{found['title']}: {found['detector']} {found['kind']} of {found['entity_id']}")
    typer.echo(f"rule: {document['rule']}. Harm: {document['harm']}.")
    if document["excluded_that_day"]:
        why = document["excluded_that_day"]
        typer.echo(f"excluded on {document['date']}: {why['reason']} ({why['rule']})")
    print_rows("Its life", [{"field": k, "value": v} for k, v in found.items() if v is not None])
    for pairs in document["sides"]:
        rows = [
            {"field": p["field"], document["left"]: p["left"], document["right"]: p["right"]}
            for p in pairs
        ]
        print_rows(f"Both sides at the end of {document['date']}", rows)


@drift_app.command("mark")
def drift_mark(
    name: str,
    mark: Annotated[str, typer.Argument(help="accept, false, or clear.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    by: Annotated[str | None, typer.Option(help="Who says so.")] = None,
) -> None:
    """Accept a discrepancy (its id or entity), call it false, or clear its mark; with a reason."""
    from orchestration.drift_marks import mark as set_mark

    typer.echo(set_mark(load_settings(), name, mark, reason, by))


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


def _sum_up(as_json: bool) -> None:
    from orchestration.drift_reading import summary

    settings = load_settings()
    with published(settings) as warehouse:
        rows = summary(warehouse, settings.clock().now())
        marks = warehouse.rows("select * from reporting.rpt_drift_marks order by 1, 2, 3")
    if as_json:
        emit({"detectors": rows, "marks": marks})
        return
    from orchestration.console import print_rows

    print_rows("Drift at the end of each detector's last complete day", rows)
    if marks:
        print_rows("Marked by people", marks)


def _print(document: dict[str, Any]) -> None:
    from orchestration.console import print_rows
    from orchestration.drift_reading import staleness_sentence

    stale = staleness_sentence(document)
    if stale:
        typer.echo(stale)
    title = f"{document['detector']} drift at the end of {document['date']}"
    print_rows(title, document["discrepancies"])
    print_rows("Excluded", document["exclusions"])


def _write_csv(document: dict[str, Any], out: Path) -> None:
    import sys

    from orchestration.drift_reading import write_csv
    from orchestration.errors import PermanentFailure

    if str(out) == "-":
        write_csv(document, sys.stdout)
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            write_csv(document, file)
    except OSError as error:
        raise PermanentFailure(
            f"{out} cannot be written: {error.strerror}.", todo="choose another file."
        ) from error
    typer.echo(str(out))


def _day(text: str | None) -> calendar_date | None:
    from datetime import date as calendar_date

    from orchestration.errors import PermanentFailure

    try:
        return calendar_date.fromisoformat(text) if text else None
    except ValueError as error:
        raise PermanentFailure(f"{text!r} is no date.", todo="write it as 2026-03-21.") from error
