"""Verbs about support tickets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.commands.common import AsJson, emit, load_settings, published

app = typer.Typer(help="Tickets.", no_args_is_help=True)

TicketFile = Annotated[
    Path | None, typer.Option("--file", help="A JSONL file instead of the warehouse.")
]


@app.command("classify")
def tickets_classify(file: Path, as_json: AsJson = False) -> None:
    """Classify a JSONL file of tickets."""
    from orchestration.tickets.classify import classify_file

    document = classify_file(file)
    shown = (
        "key", "category", "confidence", "sure", "rule", "matched", "runner_up", "pattern",
        "engineering_blocked",
    )  # fmt: skip
    _show(document, "tickets", f"Tickets of {file.name}", shown, as_json)


@app.command("lint")
def tickets_lint(files: Annotated[list[Path] | None, typer.Argument()] = None) -> None:
    """Check the rule and the pattern file (or the named ones): file and line of every mistake."""
    from orchestration.tickets.linting import is_pattern_file, lint_patterns, lint_rules
    from orchestration.tickets.rulebook import PATTERNS_FILE, RULES_FILE

    mistakes: list[str] = []
    checked = files or [RULES_FILE, PATTERNS_FILE]
    for path in checked:
        found = lint_patterns(path, RULES_FILE) if is_pattern_file(path) else lint_rules(path)
        mistakes.extend(found)
    for mistake in mistakes:
        typer.echo(mistake)
    if mistakes:
        raise typer.Exit(1)
    typer.echo(f"{', '.join(path.name for path in checked)}: no mistake found")


@app.command("patterns")
def tickets_patterns(
    week: Annotated[str | None, typer.Option(help="Evidence of one ISO week.")] = None,
    pattern: Annotated[str | None, typer.Option(help="Evidence of one pattern.")] = None,
    file: TicketFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the patterns, or the tickets that are evidence for them."""
    from orchestration.tickets import reports

    if file is not None:
        shown: tuple[str, ...] = ("pattern_id", "category", "title", "tickets")
        _show(reports.pattern_counts(file), "patterns", f"Patterns in {file.name}", shown, as_json)
        return
    with published(load_settings()) as warehouse:
        if week or pattern:
            document = reports.evidence_document(warehouse, week, pattern)
            shown = ("pattern_id", "iso_week", "tickets", "engineering_blocked", "state",
                     "ticket_keys")  # fmt: skip
            _show(document, "evidence", "Evidence", shown, as_json)
            return
        document = reports.pattern_document(warehouse)
    shown = ("pattern_id", "category", "title", "first_week", "last_week", "evidence_entries",
             "tickets", "last_tickets", "state", "trend_per_week", "trend_low", "trend_high",
             "trend_direction")  # fmt: skip
    _show(document, "patterns", "Patterns of the last twelve complete weeks", shown, as_json)


@app.command("candidates")
def tickets_candidates(file: TicketFile = None, as_json: AsJson = False) -> None:
    """Show wording that no pattern catches, grouped for a person to name."""
    from orchestration.tickets import reports

    if file is not None:
        document = reports.candidate_groups(file)
    else:
        with published(load_settings()) as warehouse:
            document = reports.candidate_document(warehouse)
    shown = ("candidate_id", "category", "terms", "tickets", "first_week", "last_week",
             "ticket_keys")  # fmt: skip
    _show(document, "candidates", "Candidates for a pattern", shown, as_json)


@app.command("quality")
def tickets_quality(as_json: AsJson = False) -> None:
    """Show how the classifier did on labelled tickets that it never learned from."""
    from orchestration.tickets.classifier import measured_quality

    measured = measured_quality() or {}
    if as_json:
        emit(measured)
        return
    typer.echo(
        f"{measured.get('tickets', 0)} tickets, macro-F1 {measured.get('macro_f1', '–')},"
        f" right {measured.get('accuracy_percent', '–')} %"
    )
    from orchestration.console import print_rows

    categories: dict[str, dict[str, int]] = measured.get("categories", {})
    print_rows("By category", [{"category": name, **row} for name, row in categories.items()])
    print_rows("Coverage and precision", measured.get("curve", []))


def _show(
    document: dict[str, Any], name: str, title: str, shown: tuple[str, ...], as_json: bool
) -> None:
    if as_json:
        emit(document)
        return
    from orchestration.console import print_rows

    rows = [{key: _cell(row.get(key)) for key in shown if key in row} for row in document[name]]
    print_rows(title, rows)


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        more = f" and {len(value) - 5} more" if len(value) > 5 else ""
        return ", ".join(value[:5]) + more
    return value
