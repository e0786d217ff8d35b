"""Several sources at the same moment: which are read side by side, which one after the other.

Belongs here: the lanes and their threads. Does not: what reading a source means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from orchestration.extraction.outcome import StreamOutcome
from orchestration.warehouse.base import Warehouse

LANES = (("stripe",), ("engine", "billing", "core"), ("jira", "knowledge"))
"""Read side by side; the slowest lane first, because the calling thread takes it."""

AFTERWARDS = ("tickets",)
"""Read what the lanes have landed."""

Streams = Mapping[str, Sequence[str]]
"""Streams to read, by source."""

Extract = Callable[[str, Sequence[str], Warehouse], list[StreamOutcome]]


def extract_side_by_side(streams: Streams, extract: Extract, warehouse: Warehouse) -> None:
    """Call `extract(source, streams, warehouse)` for every source that has streams.

    Each lane has a handle of its own on the warehouse. What a lane raises is raised here,
    after the others have ended. KeyError: a source that stands in no lane.
    """
    known = {name for lane in (*LANES, AFTERWARDS) for name in lane}
    if unknown := set(streams) - known:
        raise KeyError(f"no lane for {', '.join(sorted(unknown))}")
    lanes = [lane for lane in LANES if any(streams.get(source) for source in lane)]
    if lanes:
        _all_lanes(lanes, streams, extract, warehouse)
    _one_lane(AFTERWARDS, streams, extract, warehouse)


def _all_lanes(
    lanes: Sequence[Sequence[str]], streams: Streams, extract: Extract, warehouse: Warehouse
) -> None:
    own, *others = lanes
    forks = [warehouse.fork() for _ in others]
    try:
        with ThreadPoolExecutor(max(len(others), 1)) as pool:
            pending = [
                pool.submit(_one_lane, lane, streams, extract, fork)
                for lane, fork in zip(others, forks, strict=True)
            ]
            _one_lane(own, streams, extract, warehouse)
        for lane in pending:
            lane.result()
    finally:
        for fork in forks:
            fork.close()


def _one_lane(
    lane: Iterable[str], streams: Streams, extract: Extract, warehouse: Warehouse
) -> None:
    for source in lane:
        if streams.get(source):
            extract(source, streams[source], warehouse)
