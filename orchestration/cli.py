"""`paygo`: thin verbs. Each reads its arguments, calls one part, prints what it gave.

Belongs here: names, options, exit codes, `--json`. Does not: queries, rules, rendering.
Parts are imported inside the verbs, so that reading commands start fast.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from orchestration.errors import PaygoError

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.warehouse.base import Warehouse

app = typer.Typer(
    help="Metrics warehouse of a billing platform.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
tickets_app = typer.Typer(help="Tickets.", no_args_is_help=True)
graph_app = typer.Typer(help="The knowledge graph.", invoke_without_command=True)
alerts_app = typer.Typer(help="Alerts and incidents.", invoke_without_command=True)
app.add_typer(tickets_app, name="tickets")
app.add_typer(graph_app, name="graph")
app.add_typer(alerts_app, name="alerts")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def main() -> None:
    """Run the command line; expected errors become one message on stderr and exit code 1."""
    try:
        app()
    except PaygoError as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        fail("interrupted; nothing was published. To do: start it again, it continues there.")
    except ImportError as error:
        if not (error.name or "").startswith(("orchestration", "dashboards", "expectations")):
            raise
        fail(f"a part of this installation is missing: {error}. To do: install it again.")


def fail(message: str) -> NoReturn:
    """Print one message on stderr and exit with 1."""
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)


def load_settings() -> Settings:
    """Read the settings; a value that cannot be read becomes one message naming the variable."""
    from pydantic import ValidationError

    from orchestration.errors import PermanentFailure
    from orchestration.settings import Settings

    try:
        settings = Settings.load()
        settings.clock()
    except ValidationError as error:
        found = "; ".join(f"PAYGO_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}"
                          for e in error.errors())  # fmt: skip
        raise PermanentFailure(
            f"the settings cannot be read: {found}.", todo="correct the variable or .env."
        ) from error
    except ValueError as error:
        raise PermanentFailure(f"PAYGO_NOW cannot be read: {error}.") from error
    return settings


@contextmanager
def published(settings: Settings) -> Iterator[Warehouse]:
    """Open the last published warehouse read-only."""
    from orchestration.warehouse import open_warehouse

    with open_warehouse(settings, "read") as warehouse:
        yield warehouse


def emit(document: Any) -> None:
    """Write one JSON document to stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


@app.command()
def demo(accounts: int = 20000, seed: int = 1, scenario: str = "published") -> None:
    """Start simulated sources, replay thirty days, build, check, and write the page."""
    from orchestration import console
    from orchestration.demo import DemoChoice, run_demo
    from orchestration.reading import status_document

    home = load_settings().home
    with console.RichWatcher() as watcher:
        report = run_demo(home, DemoChoice(accounts, seed, scenario), watcher)
    settings = load_settings()
    with published(settings) as warehouse:
        console.stdout().print(console.metric_table(status_document(warehouse, report.as_of)))
    console.print_report(report, str((settings.site_path / "index.html").resolve()))
    raise typer.Exit(report.exit_code)


@app.command()
def run(
    select: Annotated[list[str] | None, typer.Option(help="Source or stream.")] = None,
) -> None:
    """Run the pipeline once against the configured sources."""
    from orchestration import console
    from orchestration.pipeline import run_pipeline

    settings = load_settings()
    with console.RichWatcher() as watcher:
        report = run_pipeline(settings, select=select or (), on_stage=watcher.stage)
    console.print_report(report, str((settings.site_path / "index.html").resolve()))
    raise typer.Exit(report.exit_code)


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


@app.command()
def digest(week: Annotated[str, typer.Option(help="ISO week such as 2026-W12.")]) -> None:
    """Write the weekly ticket digest (Markdown and HTML)."""
    from orchestration.tickets.digest import write_digest

    settings = load_settings()
    with published(settings) as warehouse:
        for path in write_digest(warehouse, week, settings.home / "digests"):
            typer.echo(str(path))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check credentials, reachability, permissions, clock, versions; say what to do."""
    from orchestration.doctor import examine

    findings = examine(load_settings())
    if as_json:
        emit({"findings": [vars(f) for f in findings]})
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else ("warn" if finding.optional else "FAIL")
            todo = f" To do: {finding.todo}" if finding.todo and not finding.ok else ""
            typer.echo(f"{mark}  {finding.name}: {finding.found}{todo}")
    raise typer.Exit(int(any(not f.ok and not f.optional for f in findings)))


@app.command()
def world(
    accounts: int = 20000,
    seed: int = 1,
    scenario: str = "published",
    out: Annotated[Path | None, typer.Option(help="Folder to write.")] = None,
) -> None:
    """Generate the simulated world and its truth.json."""
    from orchestration.console import RichWatcher
    from orchestration.demo import DemoChoice, make_world

    folder = out or load_settings().home / "world"
    with RichWatcher() as watcher:
        watcher.stage("world")
        make_world(folder, DemoChoice(accounts, seed, scenario), watcher)
    typer.echo(str(folder))


@app.command()
def ui(port: int = 3000) -> None:
    """Open Dagster's own web interface on loopback (lineage, runs, schedules)."""
    from orchestration.defs.serve import serve_ui

    raise typer.Exit(serve_ui(load_settings(), port))


@app.command()
def dashboard(
    serve: Annotated[bool, typer.Option(help="Serve it on loopback.")] = False,
    port: int = 8765,
) -> None:
    """Build the page from the published warehouse; with --serve also serve it."""
    from orchestration.pipeline import rebuild_page

    settings = load_settings()
    rebuild_page(settings)
    typer.echo(str((settings.site_path / "index.html").resolve()))
    if serve:
        from orchestration.site_server import serve_folder

        serve_folder(settings.site_path, port)


@app.command()
def bootstrap(apply: Annotated[bool, typer.Option(help="Do it.")] = False) -> None:
    """Show (or do) what a BigQuery project needs."""
    fail(
        "the BigQuery target is not available in this version. "
        "To do: use the embedded warehouse (PAYGO_TARGET=duckdb)."
    )


@tickets_app.command("classify")
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


@graph_app.callback()
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


@graph_app.command("lint")
def graph_lint() -> None:
    """Check the authored files; every error names file and line."""
    from orchestration.knowledge.compile import lint

    errors = lint()
    for error in errors:
        typer.echo(str(error), err=True)
    typer.echo(f"{len(errors)} error(s)")
    raise typer.Exit(int(bool(errors)))


@alerts_app.callback()
def alerts(context: typer.Context, as_json: AsJson = False) -> None:
    """List the alerts that are not resolved."""
    if context.invoked_subcommand is not None:
        return
    from orchestration.alerting.commands import open_alerts

    with published(load_settings()) as warehouse:
        rows = open_alerts(warehouse)
    if as_json:
        emit({"alerts": rows})
        return
    from orchestration.console import print_rows

    print_rows("Open alerts", rows)


@alerts_app.command("evaluate")
def alerts_evaluate() -> None:
    """Evaluate the policy now and deliver what changed."""
    from orchestration.alerting.commands import evaluate_now

    report = evaluate_now(load_settings())
    typer.echo(
        f"{len(report.opened)} opened, {len(report.resolved)} resolved, {len(report.open)} open"
    )
    for failure in report.failures:
        typer.echo(f"not delivered: {failure}", err=True)
    raise typer.Exit(2 if report.failures else 0)


@alerts_app.command("ack")
def alerts_ack(incident_id: str) -> None:
    """Acknowledge an incident: somebody has it."""
    from orchestration.alerting.commands import change_state

    typer.echo(change_state(load_settings(), incident_id, "acknowledged"))


@alerts_app.command("mute")
def alerts_mute(incident_id: str) -> None:
    """Mute an incident until it is resolved or becomes more severe."""
    from orchestration.alerting.commands import change_state

    typer.echo(change_state(load_settings(), incident_id, "muted"))


@alerts_app.command("test")
def alerts_test() -> None:
    """Send a test message to every configured channel."""
    from orchestration.alerting.commands import send_test

    outcomes = send_test(load_settings())
    for outcome in outcomes:
        typer.echo(f"{outcome.channel}: {'delivered' if outcome.delivered else outcome.message}")
    raise typer.Exit(int(not all(o.delivered for o in outcomes)))


if __name__ == "__main__":
    main()
