"""How Stripe is read: backfill in time slices, sweeps, and re-reading of what changed.

Events are a feed of ids and never a source of values: they carry the account's API version
and may come in any order. What they name is read again at the pinned version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from orchestration.errors import PaygoError
from orchestration.sources.parallel import Crew, Problem
from orchestration.sources.records import RecordBuilder, Records
from orchestration.sources.stripe import (
    PAGE,
    Object,
    StripeSource,
    created_of,
    not_repeated,
)
from orchestration.sources.stripe_kinds import EVENTS, Exploded, Kind, explode, object_of

# From so many new objects on, one list call is cheaper than retrieving each.
_LIST_FROM = 3

# One batch of rows from several retrieved objects costs hardly more than from one.
_RETRIEVED_TOGETHER = 25

# A slice keeps about so many pages when it hands over the rest of it, which keeps twice as many:
# years without an object are passed over in few steps.
_FIRST_PAGES = 8

# Shorter slices are not worth a page of their own that comes half empty.
_SMALLEST_PAGES = 3

# Epoch seconds of the first slice's lower end: before any account existed.
BEGINNING = 1_262_304_000


@dataclass(frozen=True)
class Part:
    """Some rows of one stream, or why there are none. `parents` were read with their children."""

    kind: Kind
    stream: str
    records: Records | None = None
    error: PaygoError | None = None
    parents: Sequence[str] = ()
    gone: Sequence[str] = ()


@dataclass(frozen=True)
class _Found:
    """Objects of a kind and their children, as Stripe gave them."""

    kind: Kind
    exploded: Exploded
    parents: Sequence[str]
    with_payments: Sequence[str]


@dataclass(frozen=True)
class Covered:
    """Every object of a kind created in [low, high) has been handed over (epoch seconds)."""

    kind: Kind
    low: int
    high: int


@dataclass
class Changes:
    """Ids that events name since a moment, by object type; `new` were created since then."""

    newest: int | None = None
    touched: dict[str, set[str]] = field(default_factory=dict)
    new: dict[str, set[str]] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)


def read_changes(source: StripeSource, since: int) -> Changes:
    """List the events created at or after `since` (epoch seconds).

    Errors: ContractViolation when one does not say what it is, when, or about what.
    """
    changes = Changes()
    for events in source.pages(EVENTS.path, {"created[gte]": str(since)}):
        changes.events.extend(events)
        for event in events:
            changes.newest = max(changes.newest or 0, created_of(event, EVENTS.stream))
            kind, object_id = object_of(event)
            if not object_id:
                # A preview, such as that of an upcoming invoice: there is nothing to read.
                continue
            changes.touched.setdefault(kind, set()).add(object_id)
            if event["type"].endswith(".created"):
                changes.new.setdefault(kind, set()).add(object_id)
    return changes


class StripeReader:
    """Reads kinds with several requests in flight; yields `Part`s in the caller's thread."""

    def __init__(
        self, source: StripeSource, builders: dict[str, RecordBuilder], workers: int
    ) -> None:
        self._source = source
        self._builders = builders
        self._crew: Crew[Part | Covered | _Found] = Crew(workers)
        self._wanted: Collection[str] = ()

    def read(
        self,
        backfill: Sequence[tuple[Kind, Sequence[tuple[int, int]]]],
        sweep: Sequence[Kind],
        changed: Sequence[tuple[Kind, int, Changes]],
        wanted: Collection[str],
    ) -> Iterator[Part | Covered | Problem]:
        """Read some kinds by stretches of creation time or by one sweep, others by change.

        `changed` gives, per kind, since when (epoch seconds) and what events named. Parts
        are made for the `wanted` streams only. A `Problem` names its kind. `Covered` comes
        after the last part of what it covers.
        """
        self._wanted = wanted

        def begin() -> None:
            for kind in sweep:
                self._start(kind, partial(self._sweep, kind))
            for kind, since, changes in changed:
                self._start(kind, partial(self._changed, kind, since, changes))
            for kind, stretches in backfill:
                for low, high in stretches:
                    self._start(kind, partial(self._slice, kind, low, high))

        for found in self._crew.results(begin):
            if isinstance(found, _Found):
                yield from self._parts(found)
            else:
                yield found

    def give_up(self, kind: Kind) -> None:
        """Do not begin what is left of a kind."""
        self._crew.give_up(kind.name)

    def _start(self, kind: Kind, task: Callable[[], None]) -> None:
        self._crew.start(kind.name, task)

    def _sweep(self, kind: Kind) -> None:
        for objects in self._source.pages(kind.path, kind.list_params):
            self._emit(kind, objects)

    def _slice(self, kind: Kind, low: int, high: int, pages: int = _FIRST_PAGES) -> None:
        """Read `created[low, high)`, newest first; hand over the older part to an idle worker."""
        after: str | None = None
        bottom, top = low, high
        while True:
            bounds = {"created[gte]": str(bottom), "created[lt]": str(high)}
            cursor = {} if after is None else {"starting_after": after}
            params = {"limit": PAGE, **kind.list_params, **bounds, **cursor}
            objects, has_more = self._source.page(kind.path, params)
            not_repeated(kind.path, objects, after)
            reached = bottom
            if has_more:
                # Others of the oldest second may stand on the next page.
                after, oldest = objects[-1]["id"], created_of(objects[-1], kind.stream)
                reached = oldest + 1
                span = max(created_of(objects[0], kind.stream) - oldest, 1)
                middle = max(bottom + (oldest - bottom) // 2, oldest - pages * span)
                is_worth_it = oldest - bottom >= _SMALLEST_PAGES * span
                if is_worth_it and bottom < middle < oldest and self._could_use_another(kind):
                    self._start(kind, partial(self._slice, kind, bottom, middle, 2 * pages))
                    bottom = middle
            self._emit(kind, objects)
            if reached < top:
                self._crew.emit(Covered(kind, reached, top))
                top = reached
            if not has_more:
                return

    def _could_use_another(self, kind: Kind) -> bool:
        return self._crew.idle > 0 and not self._source.is_limited(kind.path)

    def _changed(self, kind: Kind, since: int, changes: Changes) -> None:
        left = set(changes.touched.get(kind.object_type, ()))
        if (
            len(changes.new.get(kind.object_type, ())) >= _LIST_FROM
            or kind.name == "invoice_payments"
        ):
            # New payments of an invoice have no event of their own: always listed.
            params = {**kind.list_params, "created[gte]": str(since)}
            for objects in self._source.pages(kind.path, params):
                self._emit(kind, objects)
                left -= {o["id"] for o in objects}
        ids = sorted(left)
        for first in range(0, len(ids), _RETRIEVED_TOGETHER):
            some = ids[first : first + _RETRIEVED_TOGETHER]
            self._start(kind, partial(self._again, kind, some))

    def _again(self, kind: Kind, ids: Sequence[str]) -> None:
        read = {i: self._source.retrieve(f"{kind.path}/{i}", kind.retrieve_params) for i in ids}
        lost = [object_id for object_id, found in read.items() if found is None]
        if lost:
            for stream in (kind.stream, *kind.children):
                if stream in self._wanted:
                    gone = lost if stream == kind.stream else []
                    self._crew.emit(Part(kind, stream, parents=lost, gone=gone))
        if found := [body for body in read.values() if body is not None]:
            self._emit(kind, found)

    def _emit(self, kind: Kind, objects: Sequence[Object]) -> None:
        with_payments = [o["id"] for o in objects if "payments" in o]
        ids = [o["id"] for o in objects]
        exploded = explode(self._source, kind, objects)
        self._crew.emit(_Found(kind, exploded, ids, with_payments))

    def _parts(self, found: _Found) -> Iterator[Part]:
        """Build the rows in the caller's thread: side by side would cost more and gain nothing."""
        # Children first: redaction of the parent takes the embedded lists away.
        for stream in reversed(found.exploded):
            if stream not in self._wanted:
                continue
            is_payment = stream == "stripe.invoice_payments"
            parents = found.with_payments if is_payment else found.parents
            try:
                records = self._builders[stream].build(found.exploded[stream])
            except PaygoError as error:
                yield Part(found.kind, stream, error=error)
            else:
                yield Part(found.kind, stream, records, parents=parents)
