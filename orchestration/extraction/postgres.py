"""One PostgreSQL database into the warehouse: delta, key sweep, reconciliation.

A delta that would leave something else than the source has (a change that moved no
`updated_at`, rows that were erased here and not there) is given up for a read of the whole
table in the same snapshot, with a warning. When that does not match either, the stream fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from orchestration.clock import iso, parse_utc
from orchestration.errors import PaygoError, PermanentFailure
from orchestration.extraction.outcome import (
    Extraction,
    ReconciliationFailure,
    StreamOutcome,
    failed,
    ok,
)
from orchestration.sources.contract import UNCLASSIFIED, RawTable
from orchestration.sources.misfits import MIN_TIME
from orchestration.sources.postgres import KeySummary, PostgresSource, Shape, watermark
from orchestration.warehouse.base import LoadMode, StagedLoad, Totals
from orchestration.warehouse.raw import contract_fingerprint

Warning = tuple[str, str]


@dataclass
class _Seen:
    """What reading has shown: the latest change (aware UTC), values that did not fit."""

    latest: datetime | None
    misfits: int = 0


def extract(run: Extraction) -> list[StreamOutcome]:
    """Read the tables of one database in one snapshot; one table's failure spares the others."""
    setting = f"{run.source}_dsn"
    dsn = getattr(run.settings, setting)
    if dsn is None:
        raise PermanentFailure(
            f"the {run.source} database is not configured",
            todo=f"set PAYGO_{setting.upper()} to its connection string",
        )
    with PostgresSource(run.source, dsn.get_secret_value(), run.hash_key) as source:
        source.inspect(run.tables)
        if source.standby is None:
            warning = _horizon_warning(run, source)
            return [_extract_table(run, source, table, warning) for table in run.tables]
        # A standby shows its primary as it was: what is read is complete up to then, not to now.
        seen = replace(run, as_of=min(run.as_of, source.standby.replayed))
        lag = int((run.as_of - seen.as_of).total_seconds())
        outcomes = [_extract_table(seen, source, table, None) for table in run.tables]
        return [replace(o, replica_lag_seconds=lag) for o in outcomes]


def _standby_warning(run: Extraction, open_since: Mapping[str, Any] | None) -> Warning | None:
    """A standby knows its primary's open transactions by number: how long this reader saw one."""
    if open_since is None:
        return None
    age = run.as_of - parse_utc(open_since["since"])
    if age <= timedelta(minutes=run.settings.postgres_lookback_minutes):
        return None
    return _too_old(run, int(age.total_seconds() // 60))


def _open_since(
    run: Extraction, source: PostgresSource, before: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The primary's oldest open transaction, and since when the runs of this stream know it."""
    if source.standby is None or source.standby.open_transaction is None:
        return None
    number, known = source.standby.open_transaction, before.get("open_transaction") or {}
    since = known["since"] if known.get("number") == number else iso(run.as_of)
    return {"number": number, "since": since}


def _too_old(run: Extraction, minutes: int) -> Warning:
    return (
        "horizon_warning",
        f"the oldest open transaction of {run.source} is {minutes} minutes old, the lookback "
        f"{run.settings.postgres_lookback_minutes}: rows it commits are found by the key sweep "
        "when they are new, and when they are updates only if they move a key or an amount. "
        "To do: end it, or raise PAYGO_POSTGRES_LOOKBACK_MINUTES",
    )


def _horizon_warning(run: Extraction, source: PostgresSource) -> Warning | None:
    """A transaction open for longer than the lookback may commit rows that no later run sees."""
    horizon = source.horizon()
    lookback = timedelta(minutes=run.settings.postgres_lookback_minutes)
    if horizon.oldest is not None and horizon.oldest > lookback:
        return _too_old(run, int(horizon.oldest.total_seconds() // 60))
    if horizon.is_blind:
        return (
            "horizon_unknown",
            f"the reading role cannot see other sessions of {run.source}. To do: grant "
            "pg_read_all_stats to it",
        )
    return None


def _extract_table(
    run: Extraction, source: PostgresSource, table: RawTable, warning: Warning | None
) -> StreamOutcome:
    try:
        source.savepoint()
        return _load(run, source, table, warning)
    except PaygoError as error:
        try:
            source.roll_back()
        except PaygoError:
            # The connection is gone; the next table says so itself.
            return failed(table, error)
        return failed(table, error)


def _load(
    run: Extraction, source: PostgresSource, table: RawTable, warning: Warning | None
) -> StreamOutcome:
    known = run.warehouse.loaded(table.stream, run.as_of)
    if known is not None:
        # A standby that has not moved since the last run.
        return ok(table, "", known)
    shape = source.check(table)
    before = run.warehouse.cursor(table.stream)
    kept = before.cursor if before else {}
    open_since = _open_since(run, source, kept)
    standing = _standing(table, shape) | ({"open_transaction": open_since} if open_since else {})
    warning = warning or _standby_warning(run, open_since)
    # Other columns than before: rows that nobody touched have other values too.
    if all(kept.get(name) == standing.get(name) for name in ("contract", "additional")):
        try:
            return _land(run, source, table, shape, standing, kept, warning)
        except ReconciliationFailure as error:
            warning = _unmatched(error)
        source.roll_back()
    return _land(run, source, table, shape, standing, None, warning)


def _standing(table: RawTable, shape: Shape) -> dict[str, Any]:
    """What the columns are: the part of the cursor by which a delta may go on."""
    additional = [list(column) for column in shape.additional]
    known = {"contract": contract_fingerprint(table)}
    return known | ({"additional": additional} if additional else {})


def _changes(run: Extraction, table: RawTable, shape: Shape) -> list[dict[str, Any]]:
    kept = f"kept in {UNCLASSIFIED}, texts as hashes"
    return [
        run.schema_change(table, "column_added", name, f"type {kind}; {kept}")
        for name, kind in shape.additional
    ]


def _unmatched(error: ReconciliationFailure) -> Warning:
    return (
        "delta_unmatched",
        f"{error.what}. So the whole table was read, and matches. To do: see whether something "
        "changes rows and leaves their updated_at, or commits later than "
        "PAYGO_POSTGRES_LOOKBACK_MINUTES; after an erasure this is expected once",
    )


def _land(
    run: Extraction,
    source: PostgresSource,
    table: RawTable,
    shape: Shape,
    standing: Mapping[str, Any],
    cursor: Mapping[str, Any] | None,
    warning: Warning | None,
) -> StreamOutcome:
    """Land what changed since `cursor`, or everything; ReconciliationFailure: nothing landed."""
    mode: LoadMode = "full" if cursor is None else "delta"
    request = replace(
        run.request(table, mode),
        has_unique_keys=cursor is None and source.has_unique_keys(table),
        has_unclassified=bool(shape.additional),
    )
    staged = run.warehouse.stage(request)
    try:
        seen = _read(run, source, table, staged, cursor)
        all_fit = cursor is None and not seen.misfits
        with ThreadPoolExecutor(1) as beside:
            # The server counts its table while the warehouse works on what came from it.
            counting = beside.submit(source.key_summary, table, all_fit=all_fit)
            row = _reconcile(run, source, table, staged, cursor, counting)
        summary = counting.result()
        after: dict[str, Any] = {
            "updated_at": iso(min(seen.latest, run.as_of)) if seen.latest else None,
            "rows": summary.rows,
            "key_hash": str(summary.key_hash),
        }
        after |= standing
        ops = {"reconciliation": [row], "schema_changes": _changes(run, table, shape)}
        result = staged.commit(after, ops)
    finally:
        staged.abandon()
    return ok(table, mode, result, warning)


def _read(
    run: Extraction,
    source: PostgresSource,
    table: RawTable,
    staged: StagedLoad,
    cursor: Mapping[str, Any] | None,
) -> _Seen:
    """Stage everything, or what was updated since the watermark minus the lookback."""
    assert table.cursor is not None
    latest = parse_utc(cursor["updated_at"]) if cursor and cursor["updated_at"] else None
    lookback = timedelta(minutes=run.settings.postgres_lookback_minutes)
    earliest = MIN_TIME.replace(tzinfo=UTC)
    # Nothing is earlier: then the delta is everything, times that were clamped included.
    since = latest - lookback if latest and latest - earliest > lookback else None
    seen = _Seen(latest)

    def batches() -> Generator[pa.RecordBatch, None, None]:
        with contextlib.closing(source.read(table, since=since)) as coming:
            for records in coming:
                staged.quarantine(records.misfits)
                seen.misfits += len(records.misfits)
                seen.latest = watermark(records.data, table.cursor or "", seen.latest)
                yield records.data

    # An error's traceback would keep the reading alive, and with it a thread on the connection.
    with contextlib.closing(batches()) as coming:
        staged.append_all(coming)
    if cursor is None:
        staged.delete_all_but_staged()
    return seen


def _reconcile(
    run: Extraction,
    source: PostgresSource,
    table: RawTable,
    staged: StagedLoad,
    cursor: Mapping[str, Any] | None,
    counting: Future[KeySummary],
) -> dict[str, Any]:
    """Compare source and warehouse; a difference fails the load before anything is written.

    `counting` is what the source says of itself; until it has ended, nothing else is asked.
    """
    if cursor is None:
        landed = _read_whole(staged)
    else:
        landed = _swept(source, table, staged, cursor, counting)
    summary = counting.result()
    there = Totals(summary.rows, summary.key_hash, summary.money)
    row = run.reconciliation(table, there, landed)
    run.require_match(row)
    return row


def _read_whole(staged: StagedLoad) -> Totals:
    _, key_hash = staged.key_totals()
    after = staged.totals("all", hash_keys=False)
    return Totals(after.rows, key_hash, after.money)


def _swept(
    source: PostgresSource,
    table: RawTable,
    staged: StagedLoad,
    cursor: Mapping[str, Any],
    counting: Future[KeySummary],
) -> Totals:
    """Compare keys with the source; when they differ, find what vanished and what is missing.

    The cheap comparison adds the hashes of new keys to what the last load ended with.
    """
    new = staged.key_delta()
    found = (int(cursor["rows"]) + new[0], int(cursor["key_hash"]) + new[1])
    summary = counting.result()
    wanted = (summary.rows, summary.key_hash)
    if found != wanted:
        keys = source.keys(table)
        staged.delete_all_but(keys)
        missing = staged.missing_keys(keys)
        with contextlib.closing(source.read(table, keys=missing)) as coming:
            for records in coming:
                staged.append(records.data)
                staged.quarantine(records.misfits)
        found = wanted if not staged.missing_keys(keys) else found
    after = staged.totals("all", hash_keys=False)
    return Totals(after.rows, found[1], after.money)
