"""Reads `truth.json` for tests and benchmarks. Nothing else may: the pipeline never sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import orjson

from orchestration.clock import parse_utc


@dataclass(frozen=True)
class Truth:
    """What really holds in a simulated world. Days are UTC days; states are of their ends."""

    as_of: datetime
    accounts: int
    seed: int
    metrics: dict[str, dict[str, int | float]]
    freshness: dict[str, str]
    discrepancies: list[dict[str, Any]]
    exclusions: list[dict[str, Any]]
    tickets: dict[str, str]
    faults: list[dict[str, Any]]
    """Planted faults of no detector: stuck events, late commits, deliveries and the like."""

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read a `truth.json`; KeyError when a section is missing."""
        document = orjson.loads(path.read_bytes())
        return cls(
            parse_utc(document["as_of"]),
            document["accounts"],
            document["seed"],
            document["metrics"],
            document["freshness"],
            document["discrepancies"],
            document["exclusions"],
            document["tickets"],
            document["faults"],
        )

    def excluded_on(self, detector: str, day: date) -> dict[str, str]:
        """Reason by entity of everything that is excluded at the end of `day`."""
        end = _end_of(day)
        return {
            e["entity_id"]: e["reason"]
            for e in self.exclusions
            if e["detector"] == detector and _holds(e["from"], e["to"], end)
        }

    def open_on(self, detector: str, day: date) -> set[tuple[str, str]]:
        """(entity, kind) of every open discrepancy at the end of `day`, exclusions apart."""
        end = _end_of(day)
        excluded = self.excluded_on(detector, day)
        return {
            (d["entity_id"], d["kind"])
            for d in self.discrepancies
            if d["detector"] == detector
            and d["entity_id"] not in excluded
            and d["detectable_from"] is not None
            and _holds(d["detectable_from"], d["ended"], end)
        }


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def _holds(since: str, until: str | None, moment: datetime) -> bool:
    return parse_utc(since) <= moment and (until is None or moment < parse_utc(until))
