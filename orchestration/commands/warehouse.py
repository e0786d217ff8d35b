"""Verbs about the warehouse itself: what a project needs, and what has to leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from orchestration.commands.common import AsJson, emit, load_settings

if TYPE_CHECKING:
    from orchestration.warehouse.erasure import Eraser, Erasure

app = typer.Typer()

NOT_ALL = 2


@app.command()
def bootstrap(
    apply: Annotated[bool, typer.Option(help="Do it; what stands already is left.")] = False,
    analysts: Annotated[str, typer.Option(help="Group that may read marts and reports.")] = "",
    billing_account: Annotated[str, typer.Option(help="Where the budget is set.")] = "",
    monthly_budget: Annotated[int, typer.Option(help="In whole units of its currency.")] = 300,
    daily_gib: Annotated[int, typer.Option(help="What one user may read a day.")] = 500,
) -> None:
    """Show (or do) everything that a BigQuery project needs before its first run."""
    from orchestration.warehouse import bigquery_apply as project
    from orchestration.warehouse.bigquery_bootstrap import Wishes, plan

    settings = load_settings()
    wishes = Wishes(
        settings.bigquery_project, settings.bigquery_location,
        billing_account or settings.bigquery_billing_account, monthly_budget, daily_gib,
        analysts or settings.bigquery_analysts,
    )  # fmt: skip
    steps = plan(wishes)
    if not apply:
        typer.echo("\n\n".join(step.text() for step in steps))
        return
    done = project.apply(steps, project.session(settings), bases=project.bases(settings))
    for mark, titles in (
        ("made", done.made), ("changed", done.changed), ("stands", done.held),
        ("FAILED", done.failed),
    ):  # fmt: skip
        for title in titles:
            typer.echo(f"{mark:8}{title}", err=mark == "FAILED")
    raise typer.Exit(NOT_ALL if done.failed else 0)


@app.command()
def erase(
    account_id: Annotated[str, typer.Argument(help="The account to erase.")],
    request: Annotated[str, typer.Option(help="Reference of the erasure request.")] = "",
    as_json: AsJson = False,
) -> None:
    """Erase one account from every table, version and edition, and prove that it is gone.

    Exits with 2 when rows are left that name it; they are listed. The sources are not touched:
    erase the account there first, or the next full read lands it again.
    """
    from orchestration.warehouse import open_warehouse
    from orchestration.warehouse.erasure import erase as erase_account
    from orchestration.warehouse.erasure import record
    from orchestration.warehouse.publishing import build_marker, refuse_unfinished
    from orchestration.workspace import run_lock

    settings = load_settings()
    with open_warehouse(settings, "read"):
        pass  # says what to do when there is nothing yet
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        if settings.target == "duckdb":  # erased only when it has left the published file too
            refuse_unfinished(build_marker(settings), "erasing an account")
        done = erase_account(cast("Eraser", warehouse), account_id)
        warehouse.append_ops("erasures", [record(done, settings.clock().now(), request)])
        warehouse.publish()
    _report(done, as_json)
    raise typer.Exit(NOT_ALL if done.left else 0)


def _report(done: Erasure, as_json: bool) -> None:
    if as_json:
        emit({
            "account_id": done.account_id, "rows_deleted": done.rows, "deleted": done.deleted,
            "left": done.left, "kept_shared": done.kept, "is_gone": not done.left,
        })  # fmt: skip
        return
    for relation, count in sorted(done.deleted.items()):
        typer.echo(f"{count:>8}  {relation}")
    if done.kept:
        typer.echo(f"kept, because other accounts use them: {', '.join(done.kept)}")
    for relation, count in sorted(done.left.items()):
        typer.echo(f"LEFT: {count} rows of {relation} still name {done.account_id}", err=True)
    if not done.left:
        typer.echo(f"{done.rows} rows erased; no row of any table names {done.account_id}.")
