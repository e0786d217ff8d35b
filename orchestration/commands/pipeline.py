"""Verbs that run the pipeline or serve what it made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer()


@app.command()
def demo(accounts: int = 20000, seed: int = 1, scenario: str = "published") -> None:
    """Start simulated sources, replay thirty days, build, check, and write the page."""
    from orchestration import console
    from orchestration.demo import DemoChoice, refuse_sources, run_demo
    from orchestration.reading import status_document

    settings = load_settings()
    refuse_sources(settings)
    with console.RichWatcher() as watcher:
        report = run_demo(settings.home, DemoChoice(accounts, seed, scenario), watcher)
    settings = load_settings()
    with published(settings) as warehouse:
        console.stdout().print(console.metric_table(status_document(warehouse, report.as_of)))
    console.print_report(report, str((settings.site_path / "index.html").resolve()))
    raise typer.Exit(report.exit_code)


@app.command()
def run(
    select: Annotated[list[str] | None, typer.Option(help="Source or stream to read.")] = None,
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Build kept models from everything landed.")
    ] = False,
) -> None:
    """Run the pipeline once against the configured sources."""
    from orchestration import console
    from orchestration.pipeline import run_pipeline

    settings = load_settings()
    with console.RichWatcher() as watcher:
        report = run_pipeline(
            settings, select=select or (), on_stage=watcher.stage, full_refresh=full_refresh
        )
    console.print_report(report, str((settings.site_path / "index.html").resolve()))
    raise typer.Exit(report.exit_code)


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
