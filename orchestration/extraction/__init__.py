"""From sources into the warehouse, stream by stream: one fails, the others commit.

Knows sources and the warehouse protocol, and no Dagster. What is here: the registry of
sources, skipping of loads that are known, and the record of every attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from orchestration.errors import PaygoError
from orchestration.extraction import files, jira, postgres, stripe
from orchestration.extraction.outcome import (
    Extraction,
    ReconciliationFailure,
    StreamOutcome,
    failed,
    ok,
)
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT, tables
from orchestration.warehouse.base import Warehouse

__all__ = ["SOURCES", "ReconciliationFailure", "StreamOutcome", "extract_source"]

SOURCES: dict[str, Callable[[Extraction], list[StreamOutcome]]] = {
    "engine": postgres.extract,
    "billing": postgres.extract,
    "core": postgres.extract,
    "stripe": stripe.extract,
    "jira": jira.extract,
    "knowledge": files.extract_knowledge,
    "tickets": files.extract_tickets,
}


def extract_source(
    source: str,
    *,
    settings: Settings,
    warehouse: Warehouse,
    as_of: datetime,
    run_id: str,
    streams: Collection[str] | None = None,
) -> list[StreamOutcome]:
    """Read the streams of one source up to `as_of` and land them; one outcome a stream.

    `streams` are stream names (`stripe.invoices`) and None means all of the source.
    A load that is already in the ledger, or older than the stream's cursor, is not read
    again (mode `already_loaded`, `older_than_cursor`). Never raises for a stream's
    failure: its outcome carries the error. KeyError: an unknown source or stream.
    """
    if source not in SOURCES:
        raise KeyError(f"no source {source!r}; known: {', '.join(SOURCES)}")
    chosen = [t for t in tables(source) if streams is None or t.stream in streams]
    if unknown := set(streams or ()) - {t.stream for t in CONTRACT}:
        raise KeyError(f"no stream {', '.join(sorted(unknown))} in the contract")
    outcomes = {}
    for table in chosen:
        known = warehouse.loaded(table.stream, as_of)
        if known is not None:
            outcomes[table.stream] = ok(table, "", known)
    due = [t for t in chosen if t.stream not in outcomes]
    if due:
        run = Extraction(source, settings, warehouse, as_of, run_id, due)
        attempts = _attempt(run)
        outcomes.update({o.stream: o for o in attempts})
        _record(run, attempts)
    return [outcomes[t.stream] for t in chosen]


def _attempt(run: Extraction) -> list[StreamOutcome]:
    """Read the source; what stops it as a whole fails each of its streams with that message."""
    try:
        return SOURCES[run.source](run)
    except PaygoError as error:
        return [failed(table, error) for table in run.tables]


def _record(run: Extraction, outcomes: list[StreamOutcome]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "run_id": run.run_id,
            "stream": o.stream,
            "source": run.source,
            "as_of": run.as_of,
            "status": o.status,
            "error_kind": type(o.error).__name__ if o.error else o.warning_kind,
            "error_message": str(o.error) if o.error else o.warning,
            "recorded_at": run.settings.clock().now(),
            "replica_lag_seconds": o.replica_lag_seconds,
        }
        for o in outcomes
    ]
    differing = [o.error.row for o in outcomes if isinstance(o.error, ReconciliationFailure)]
    run.warehouse.append_ops("reconciliation", differing)
    run.warehouse.replace_ops("stream_runs", rows, key=("run_id", "stream", "as_of"))
