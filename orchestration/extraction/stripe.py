"""Stripe into the warehouse: backfill or changes, all kinds at once, committed one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from orchestration.errors import PaygoError, PermanentFailure
from orchestration.extraction.backfill import Backfills
from orchestration.extraction.outcome import Extraction, StreamOutcome, is_unreconciled
from orchestration.extraction.stripe_load import StripeLoad
from orchestration.sources.contract import RawTable
from orchestration.sources.parallel import Problem, many_threads
from orchestration.sources.records import ContractMode
from orchestration.sources.stripe import StripeSource
from orchestration.sources.stripe_kinds import EVENTS, KINDS, Kind, builders
from orchestration.sources.stripe_plan import Changes, Covered, Part, StripeReader, read_changes
from orchestration.warehouse.base import LoadMode
from orchestration.warehouse.raw import contract_fingerprint

# Events may become visible a little after their second; what was read twice adds no row.
OVERLAP_SECONDS = 300

# Events are kept for 30 days; a stream that stood still longer is read anew.
FEED_DAYS = 29

# What happened before the first run is in the objects, which it reads whole; of the feed it
# keeps the last day, so that there is something to compare deliveries with.
FIRST_FEED_SECONDS = 86_400

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
        endpoint_requests_per_second=run.settings.stripe_endpoint_requests_per_second,
    )
    with source, many_threads():
        return StripeExtraction(run, source).run()


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
        self._loads: dict[str, StripeLoad] = {}
        self._until = int(run.as_of.timestamp())
        self._first_feed = self._until
        self._backfills = Backfills(run, until=self._until)

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
                mode, fields = self._mode(stream, since[stream]), self._builders[stream].fields
                self._loads[stream] = StripeLoad(
                    self._run, table, mode, fields, is_strict=not self._report
                )
            begun = self._backfills.open([k for k in self._due() if self._is_new(k, since)], start)
            changes = self._feed(since, begun)
            self._read(since, changes, begun)
            for load in self._loads.values():
                moment = since[load.table.stream]
                seen = min(changes.newest or 0, self._until)
                # The feed is followed from its newest event on; it never moves back.
                load.newest = start if moment is None else max(moment + OVERLAP_SECONDS, seen)
                load.commit()
            self._backfills.close({s for s, load in self._loads.items() if load.is_committed})
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
        if since is not None:
            return "delta"
        return "full" if self._run.warehouse.cursor(stream) is None else "sweep"

    def _since(self, family: Sequence[str]) -> int | None:
        """Where the due streams of a family stand together (epoch seconds); None: read anew."""
        oldest, days = None, self._run.settings.stripe_reconcile_days
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
            if stream != EVENTS.stream and is_unreconciled(standing, self._until, days):
                return None
            oldest = moment if oldest is None else min(oldest, moment)
        return oldest

    def _due(self) -> list[Kind]:
        wanted = set(self._tables)
        return [k for k in KINDS if wanted & {*k.streams, *k.children}]

    def _is_new(self, kind: Kind, since: dict[str, int | None]) -> bool:
        """Whether a kind is read whole by slices: its own streams have nothing to start from."""
        wanted = set(self._tables) & {*kind.streams}
        can_slice = kind.has_created and not self._sweep_only
        return can_slice and bool(wanted) and since[sorted(wanted)[0]] is None

    def _feed(self, since: dict[str, int | None], begun: dict[str, int]) -> Changes:
        """Read the event feed from the earliest moment that a stream or a resumed kind needs."""
        swept = {k.stream for k in KINDS if not k.has_events}
        moments = [m for s in self._tables if s not in swept and (m := since[s]) is not None]
        moments += [began - OVERLAP_SECONDS for began in begun.values()]
        return read_changes(self._source, min(moments)) if moments else Changes()

    def _read(self, since: dict[str, int | None], changes: Changes, begun: dict[str, int]) -> None:
        wanted = set(self._tables)
        sweep = [k for k in self._due() if self._sweep_only or not k.has_created]
        backfill, changed = [], []
        for kind in self._due():
            moment = since[sorted(wanted & {*kind.streams, *kind.children})[0]]
            if kind in sweep:
                continue
            if moment is not None:
                changed.append((kind, moment, changes))
            elif self._is_new(kind, since):
                backfill.append((kind, self._backfills.stretches(kind)))
            # What was read before the interruption may have changed since.
            if moment is None and begun:
                changed.append((kind, min(begun.values()) - OVERLAP_SECONDS, changes))
        self._stage_events(since, changes, sweep)
        for part in self._backfills.kept(changes):
            self._loads[part.stream].take(part)
        reader = StripeReader(self._source, self._builders, self._run.settings.stripe_connections)
        for found in reader.read(backfill, sweep, changed, wanted):
            if isinstance(found, Problem):
                self._fail_kind(found, reader)
            elif isinstance(found, Covered):
                self._backfills.cover(found)
            else:
                self._loads[found.stream].take(found)
                self._backfills.add(found)

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
        try:
            if since[EVENTS.stream] is None:
                changes = read_changes(self._source, self._first_feed)
            records = self._builders[EVENTS.stream].build(changes.events)
        except PaygoError as error:
            load.fail(error)
            return
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
