"""What an interrupted backfill has read already, kept beside the working copy until it commits.

A checkpoint is a folder with the rows of some stretches of time and the list of these
stretches; it appears by one rename, so it is there as a whole or not at all. Rows are kept
as they would land (typed, redacted). Nothing here reads a source or writes a warehouse, and
nothing here is visible to a reader: rows become visible by the commit of their load.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from orchestration.sources.misfits import Misfit
from orchestration.sources.records import Records

Stretch = tuple[int, int]
"""A half-open stretch of creation times, in epoch seconds."""

KEEP_ROWS = 2_000
"""Rows after which a checkpoint is written: at most so many are read again after a crash."""

_ABOUT = "about.json"
_COVERED = "covered.json"


@dataclass(frozen=True)
class Kept:
    """What of one kind is known already; `began` is the second from which changes count."""

    began: int
    covered: tuple[Stretch, ...]


class Checkpoints:
    """The checkpoints of one kind (one list endpoint), in one folder."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self._folder = folder
        self._identity = dict(identity)
        self._waiting: dict[str, list[Records]] = {}
        self._stretches: list[Stretch] = []
        self._rows = 0
        self._next = 0
        self._is_open = False

    def resume(self, streams: Collection[str], not_before: int) -> Kept | None:
        """Return what is kept for these streams; None (and nothing left) when it is of no use.

        Of no use: another identity, a stream that was not read, or a beginning before
        `not_before`, from where changes can no longer be followed.
        """
        try:
            kept = self._kept(streams, not_before)
        except (OSError, ValueError, KeyError, TypeError):
            # A power loss or a full disk cut it; all of it is looked at before any is used.
            kept = None
        if kept is None:
            self.forget()
            return None
        for interrupted in self._folder.glob("*.tmp"):
            shutil.rmtree(interrupted, ignore_errors=True)
        self._next = len(self._parts())
        self._is_open = True
        return kept

    def _kept(self, streams: Collection[str], not_before: int) -> Kept | None:
        about = json.loads((self._folder / _ABOUT).read_text())
        fits = (
            about["identity"] == self._identity
            and set(streams) <= set(about["streams"])
            and about["began"] >= not_before
        )
        if not fits:
            return None
        covered: list[Any] = []
        for part in self._parts():
            document = _covered(part)
            covered += document["stretches"]
            for stream in document["misfits"]:
                _read(part, document, stream)
        return Kept(about["began"], _merged(covered))

    def begin(self, streams: Collection[str], began: int) -> None:
        """Start anew; where nothing can be written nothing is kept."""
        self.forget()
        about = {"identity": self._identity, "streams": sorted(streams), "began": began}
        temporary = self._folder / f"{_ABOUT}.tmp"
        try:
            self._folder.mkdir(parents=True)
            temporary.write_text(json.dumps(about))
            temporary.replace(self._folder / _ABOUT)
        except OSError:
            return
        self._is_open = True

    def rows(self, stream: str) -> Iterator[Records]:
        """Yield the kept rows of a stream."""
        for part in self._parts():
            document = _covered(part)
            if stream in document["misfits"]:
                yield from _read(part, document, stream)

    def add(self, stream: str, records: Records) -> None:
        """Take rows that belong to the next stretch."""
        if self._is_open:
            self._waiting.setdefault(stream, []).append(records)
            self._rows += records.data.num_rows

    def cover(self, stretch: Stretch) -> None:
        """Everything of this stretch has been added; written down once enough has come."""
        if self._is_open:
            self._stretches.append(stretch)
            if self._rows >= KEEP_ROWS:
                self._write()

    def stop(self) -> None:
        """Write nothing more: a stream of this kind failed, later stretches would lack it.

        What is written stays good, for the stretches that it names.
        """
        self._is_open = False
        self._waiting.clear()

    def forget(self) -> None:
        """Remove everything; the loads have committed, or it is of no use."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._is_open = False

    def _parts(self) -> list[Path]:
        return sorted(p for p in self._folder.glob("[0-9]*") if p.suffix != ".tmp")

    def _write(self) -> None:
        """Rows first, the list of stretches with them, then the rename that makes both count.

        Rows of a page may come before the page's stretch: they wait with it, since a stretch
        is announced after its last row.
        """
        part = self._folder / f"{self._next:06d}"
        temporary = part.with_suffix(".tmp")
        try:
            self._fill(temporary)
            temporary.rename(part)
        except OSError:
            # It saves reading again, no more: a run with a full disk goes on without.
            shutil.rmtree(temporary, ignore_errors=True)
            self.stop()
            return
        self._next += 1
        self._waiting, self._stretches, self._rows = {}, [], 0

    def _fill(self, folder: Path) -> None:
        folder.mkdir()
        for stream, waiting in self._waiting.items():
            table = pa.Table.from_batches([r.data for r in waiting])
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            path = str(folder / f"{stream}.arrow")
            with pa.ipc.new_file(path, table.schema, options=options) as file:
                file.write_table(table)
        misfits = {s: [asdict(m) for r in w for m in r.misfits] for s, w in self._waiting.items()}
        document = {"stretches": self._stretches, "misfits": misfits}
        (folder / _COVERED).write_text(json.dumps(document))


def gaps(covered: Sequence[Stretch], low: int, high: int) -> list[Stretch]:
    """Return what of [low, high) is not covered, newest first."""
    found, at = [], low
    for start, end in _merged(covered):
        if at < min(start, high):
            found.append((at, min(start, high)))
        at = max(at, end)
    if at < high:
        found.append((at, high))
    return found[::-1]


def _merged(stretches: Sequence[Any]) -> tuple[Stretch, ...]:
    merged: list[Stretch] = []
    for low, high in sorted((int(a), int(b)) for a, b in stretches):
        if high <= low:
            continue
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _covered(part: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((part / _COVERED).read_text())
    return document


def _read(part: Path, document: Mapping[str, Any], stream: str) -> list[Records]:
    """Return a stream's rows of a part; OSError, ValueError or KeyError when it is damaged."""
    misfits = [Misfit(**m) for m in document["misfits"][stream]]
    path = str(part / f"{stream}.arrow")
    with pa.memory_map(path) as source, pa.ipc.open_file(source) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return [Records(b, misfits if n == 0 else []) for n, b in enumerate(table.to_batches())]
