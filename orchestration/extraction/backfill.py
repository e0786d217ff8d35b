"""Stripe's backfill, kept as it goes, so that one that breaks off goes on where it was.

What was kept of an earlier attempt is only as good as its age: objects that events name
since then are left out here and read again by the caller, as every change is.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.extraction.checkpoints import Checkpoints, Kept, gaps
from orchestration.extraction.outcome import Extraction
from orchestration.sources.contract import table
from orchestration.sources.records import Records
from orchestration.sources.stripe_kinds import KINDS, Kind
from orchestration.sources.stripe_plan import BEGINNING, Changes, Covered, Part
from orchestration.warehouse.raw import contract_fingerprint

# Changes since the beginning are followed in the event feed, which is kept for 30 days.
_FEED_SECONDS = 29 * 86_400

# Objects may be created while they are read, and a little after the run's as_of.
_AHEAD_SECONDS = 86_400


class Backfills:
    """The kinds that this run reads from the beginning, with what is kept of each."""

    def __init__(self, run: Extraction, *, until: int) -> None:
        self._run = run
        self._until = until
        self._tables = {t.stream: t for t in run.tables}
        self._open: dict[str, Checkpoints] = {}
        self._kept: dict[str, Kept] = {}

    def open(self, kinds: Sequence[Kind], start: int) -> dict[str, int]:
        """Look for what is kept; return, by kind resumed, the second from which changes count."""
        for kind in KINDS:
            checkpoints = Checkpoints(self._folder(kind), self._identity(kind))
            if kind not in kinds:
                if self._streams(kind):
                    # Committed, and then interrupted before this was cleared away.
                    checkpoints.forget()
                continue
            streams = self._streams(kind)
            kept = checkpoints.resume(streams, self._until - _FEED_SECONDS)
            if kept is None:
                checkpoints.begin(streams, start)
            else:
                self._kept[kind.name] = kept
            self._open[kind.name] = checkpoints
        return {name: kept.began for name, kept in self._kept.items()}

    def stretches(self, kind: Kind) -> list[tuple[int, int]]:
        """Return the stretches of creation time that are still to be read."""
        kept = self._kept.get(kind.name)
        # What was created after it began may have been missed by what was read then.
        known = [(low, min(high, kept.began)) for low, high in kept.covered] if kept else []
        return gaps(known, BEGINNING, self._until + _AHEAD_SECONDS)

    def kept(self, changes: Changes) -> Iterator[Part]:
        """Yield what is kept, but for objects that changed since and the children of such."""
        for kind in KINDS:
            if kind.name in self._kept:
                for stream in self._streams(kind):
                    for records in self._open[kind.name].rows(stream):
                        yield Part(kind, stream, _unchanged(stream, records, changes))

    def add(self, part: Part) -> None:
        """Keep a part with the next stretch of its kind; a failed stream ends the keeping."""
        checkpoints = self._open.get(part.kind.name)
        if checkpoints is None or part.stream not in self._streams(part.kind):
            return
        if part.error is not None:
            checkpoints.stop()
        elif part.records is not None:
            checkpoints.add(part.stream, part.records)

    def cover(self, covered: Covered) -> None:
        """A stretch has been read to its end."""
        self._open[covered.kind.name].cover((covered.low, covered.high))

    def close(self, committed: set[str]) -> None:
        """Forget what has become visible."""
        for kind in KINDS:
            if kind.name in self._open and set(self._streams(kind)) <= committed:
                self._open[kind.name].forget()

    def _streams(self, kind: Kind) -> list[str]:
        return [s for s in kind.streams if s in self._tables]

    def _folder(self, kind: Kind) -> Path:
        return self._run.settings.backfill_path / kind.stream

    def _identity(self, kind: Kind) -> dict[str, str]:
        settings = self._run.settings
        key = settings.stripe_api_key.get_secret_value() if settings.stripe_api_key else ""
        return {
            "server": settings.stripe_api_base,
            # Whose account it is a key does not show: what another one read is read anew. So is
            # what was hashed under another hash key. Neither key is written down.
            "keys": hmac.digest(self._run.hash_key, key.encode(), "sha256").hex()[:16],
            **{s: contract_fingerprint(self._tables[s]) for s in self._streams(kind)},
        }


def _unchanged(stream: str, records: Records, changes: Changes) -> Records:
    data = records.data
    keep = None
    for kind in KINDS:
        touched = changes.touched.get(kind.object_type)
        column = "" if not touched else kind.children.get(stream, "")
        if kind.stream == stream and touched:
            column = table(stream).primary_key
        if column:
            assert touched
            mask = pc.invert(pc.is_in(data.column(column), pa.array(sorted(touched))))
            keep = mask if keep is None else pc.and_(keep, mask)
    return Records(data if keep is None else data.filter(keep), records.misfits)
