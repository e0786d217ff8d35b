"""Stripe into the warehouse: backfill or changes, all kinds at once, committed one by one."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa

from orchestration.errors import PaygoError, PermanentFailure, TransientFailure
from orchestration.extraction.outcome import Extraction, StreamOutcome, failed, ok
from orchestration.sources.contract import RawTable
from orchestration.sources.parallel import Problem
from orchestration.sources.records import ContractMode
from orchestration.sources.stripe import StripeSource
from orchestration.sources.stripe_kinds import EVENTS, KINDS, Kind, builders
from orchestration.sources.stripe_plan import Changes, Part, StripeReader, read_changes
from orchestration.warehouse.base import LoadMode, StagedLoad
from orchestration.warehouse.raw import contract_fingerprint

# Events may become visible a little after their second; what was read twice adds no row.
OVERLAP_SECONDS = 300

# Events are kept for 30 days; a stream that stood still longer is read anew.
FEED_DAYS = 29

# What happened before the first run is in the objects, which it reads whole; of the feed it
# keeps the last day, so that there is something to compare deliveries with.
FIRST_FEED_SECONDS = 86_400

# Rows that wait in memory before they are staged: small inserts cost more than the rows.
_STAGE_ROWS = 4_000

# Streams that are read together start from the same moment.
_FAMILIES = (
    ("stripe.customers",),
    ("stripe.subscriptions", "stripe.subscription_items"),
    ("stripe.invoices", "stripe.invoice_line_items", "stripe.invoice_payments"),
    ("stripe.payment_intents",),
    ("stripe.payment_methods",),
    ("stripe.events",),
)


def extract(run: Extraction) -> list[StreamOutcome]:
    """Read the due streams of the configured account."""
    key = run.settings.stripe_api_key
    if key is None or not key.get_secret_value():
        raise PermanentFailure(
            "Stripe is not configured",
            todo="set PAYGO_STRIPE_API_KEY to a restricted read-only key",
        )
    source = StripeSource(
        key.get_secret_value(),
        run.settings.stripe_api_base,
        requests_per_second=run.settings.stripe_requests_per_second,
    )
    with source, _rare_collection():
        return StripeExtraction(run, source).run()


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Collect cycles rarely: pages are trees without any, and walking them costs a quarter."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class StripeExtraction:
    """One reading of Stripe. `report` mode takes what a foreign server gives and tells the rest.

    `sweep_only`: the server has no `created` filters and no feed; every list is swept.
    """

    def __init__(
        self,
        run: Extraction,
        source: StripeSource,
        *,
        contract_mode: ContractMode = "enforce",
        sweep_only: bool = False,
    ) -> None:
        self._run = run
        self._source = source
        self._report = contract_mode == "report"
        self._sweep_only = sweep_only
        self._builders = builders(run.hash_key, contract_mode)
        self._tables = {t.stream: t for t in run.tables}
        self._loads: dict[str, _Load] = {}
        self._until = int(run.as_of.timestamp())
        self._first_feed = self._until

    def run(self) -> list[StreamOutcome]:
        """Read, stage and commit; a stream that fails leaves the others alone."""
        newest = self._source.probe() if not self._sweep_only else None
        resting = {s: t for s, t in self._tables.items() if not self._is_due(t)}
        self._tables = {s: t for s, t in self._tables.items() if s not in resting}
        start = min(self._until, newest) if newest is not None else self._until
        self._first_feed = start - FIRST_FEED_SECONDS
        since = {s: self._since(family) for family in _FAMILIES for s in family}
        try:
            for stream, table in self._tables.items():
                self._loads[stream] = _Load(
                    self._run, table, self._mode(stream, since[stream]), is_strict=not self._report
                )
            changes = self._feed(since)
            self._read(since, changes)
            for load in self._loads.values():
                moment = since[load.table.stream]
                seen = min(changes.newest or 0, self._until)
                # The feed is followed from its newest event on; it never moves back.
                load.newest = start if moment is None else max(moment + OVERLAP_SECONDS, seen)
                load.commit()
        finally:
            for load in self._loads.values():
                load.staged.abandon()
        outcomes = {s: StreamOutcome(s, "ok", mode="not_due") for s in resting}
        outcomes.update({load.table.stream: load.outcome() for load in self._loads.values()})
        return [outcomes[t.stream] for t in self._run.tables]

    def _is_due(self, table: RawTable) -> bool:
        """Say no while the last sweep of a periodically swept list is young enough."""
        standing = self._run.warehouse.cursor(table.stream)
        if standing is None or self._sweep_only or not table.sweep_days:
            return True
        if standing.cursor.get("contract") != contract_fingerprint(table):
            return True
        return self._run.as_of - standing.as_of >= timedelta(days=table.sweep_days)

    def _mode(self, stream: str, since: int | None) -> LoadMode:
        if self._sweep_only or stream == "stripe.payment_methods":
            return "sweep"
        return "full" if since is None else "delta"

    def _since(self, family: Sequence[str]) -> int | None:
        """Where the due streams of a family stand together (epoch seconds); None: read anew."""
        oldest = None
        floor = self._until - int(timedelta(days=FEED_DAYS).total_seconds())
        for stream in family:
            if stream not in self._tables or self._sweep_only:
                continue
            standing = self._run.warehouse.cursor(stream)
            fingerprint = contract_fingerprint(self._tables[stream])
            if standing is None or standing.cursor.get("contract") != fingerprint:
                return None
            moment = int(standing.cursor["events_until"]) - OVERLAP_SECONDS
            if moment < floor:
                return None
            oldest = moment if oldest is None else min(oldest, moment)
        return oldest

    def _feed(self, since: dict[str, int | None]) -> Changes:
        """Read the event feed from the earliest moment that a stream needs."""
        swept = {k.stream for k in KINDS if not k.has_events}
        moments = [m for s in self._tables if s not in swept and (m := since[s]) is not None]
        return read_changes(self._source, min(moments)) if moments else Changes()

    def _read(self, since: dict[str, int | None], changes: Changes) -> None:
        wanted = set(self._tables)
        due = [k for k in KINDS if wanted & {*k.streams, *k.children}]
        sweep = [k for k in due if self._sweep_only or not k.has_created]
        backfill, changed = [], []
        for kind in due:
            streams = sorted(wanted & {*kind.streams, *kind.children})
            moment = since[streams[0]]
            if kind in sweep:
                continue
            if moment is not None:
                changed.append((kind, moment, changes))
            elif wanted & {*kind.streams}:
                backfill.append(kind)
        self._stage_events(since, changes, sweep)
        reader = StripeReader(self._source, self._builders)
        for part in reader.read(backfill, sweep, changed, wanted, self._until + 86_400):
            if isinstance(part, Problem):
                self._fail_kind(part, reader)
            else:
                self._loads[part.stream].take(part)

    def _stage_events(
        self, since: dict[str, int | None], changes: Changes, sweep: list[Kind]
    ) -> None:
        load = self._loads.get(EVENTS.stream)
        if load is None:
            return
        if since[EVENTS.stream] is None:
            # Older events stay in the warehouse.
            load.keeps_missing = True
            if self._sweep_only or self._run.warehouse.cursor(EVENTS.stream) is not None:
                sweep.append(EVENTS)
                return
            changes = read_changes(self._source, self._first_feed)
        records = self._builders[EVENTS.stream].build(changes.events)
        load.take(Part(EVENTS, EVENTS.stream, records))

    def _fail_kind(self, problem: Problem, reader: StripeReader) -> None:
        if not isinstance(problem.error, PaygoError):
            raise problem.error
        for kind in (*KINDS, EVENTS):
            if kind.name == problem.owner:
                reader.give_up(kind)
                for stream in (*kind.streams, *kind.children):
                    if stream in self._loads:
                        self._loads[stream].fail(problem.error)


class _Load:
    """The load of one stream while its parts arrive."""

    def __init__(
        self, run: Extraction, table: RawTable, mode: LoadMode, *, is_strict: bool
    ) -> None:
        self.table = table
        self.staged: StagedLoad = run.stage(table, mode, is_strict=is_strict)
        self.newest = 0
        self.keeps_missing = False
        self._run = run
        self._mode = mode
        self._error: PaygoError | None = None
        self._result: StreamOutcome | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._rows = 0
        self._parents: dict[str, set[str]] = {}
        self._violations: set[str] = set()

    def fail(self, error: PaygoError) -> None:
        """Remember the first reason why nothing of this stream will land."""
        self._error = self._error or error
        self._waiting.clear()

    def take(self, part: Part) -> None:
        """Stage a part."""
        if part.error is not None:
            self.fail(part.error)
        if self._error is not None:
            return
        if column := part.kind.children.get(part.stream):
            self._parents.setdefault(column, set()).update(part.parents)
        self.staged.delete_keys(part.gone)
        if part.records is None:
            return
        self.staged.quarantine(part.records.misfits)
        self._violations.update(part.records.violations)
        self._waiting.append(part.records.data)
        self._waiting_rows += part.records.data.num_rows
        if self._waiting_rows >= _STAGE_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self.staged.append(pa.Table.from_batches(self._waiting))
            self._rows += self._waiting_rows
            self._run.progress(self.table.stream, self._rows)
        self._waiting, self._waiting_rows = [], 0

    def commit(self) -> None:
        """Mark what is gone and commit; a failure stays with this stream."""
        if self._error is not None:
            return
        try:
            self._flush()
            if self._mode == "delta":
                for column, parents in self._parents.items():
                    self.staged.delete_missing_children(column, sorted(parents))
            elif not self.keeps_missing:
                self.staged.delete_all_but_staged()
            cursor = {"events_until": self.newest, "contract": contract_fingerprint(self.table)}
            result = self.staged.commit(cursor, {"schema_changes": self._changes()})
            self._result = ok(self.table, self._mode, result)
        except PaygoError as error:
            self.fail(error)

    def _changes(self) -> list[dict[str, Any]]:
        rows: Iterable[tuple[str, str]] = (
            (text.split("'")[1], text.split("' ", 1)[1]) for text in sorted(self._violations)
        )
        return [
            self._run.schema_change(self.table, "contract_violation", column, detail)
            for column, detail in rows
        ]

    def outcome(self) -> StreamOutcome:
        """Say what came of it."""
        if self._result is not None:
            return self._result
        unknown = TransientFailure(f"{self.table.stream} was not read")
        return failed(self.table, self._error or unknown)
