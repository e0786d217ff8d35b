"""What stands behind a figure: its streams, how old they are, and what the checks said.

Reads the status models (`rpt_metric_status`, `rpt_stream_status`) once and answers for
every claim. No figure of the page is computed here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from dashboards.claim import Claim
from orchestration.errors import PermanentFailure
from orchestration.warehouse.base import Warehouse

ClaimStatus = Literal[
    "measured", "stale", "agreed", "asserted", "never_measured", "unknown", "broken", "kept"
]

Alarm = Literal["", "failed", "broken"]
"""What the last checks of a figure's metric say beside its age, which its status tells."""

LEDGER = "ops.load_ledger"


@dataclass(frozen=True)
class SourceState:
    """One stream behind a figure: completeness horizon (UTC, naive) and age in hours."""

    stream: str
    as_of: datetime | None
    age_hours: float | None
    is_stale: bool


@dataclass(frozen=True)
class Evidence:
    """Status of one figure with the oldest horizon of its sources and its last check."""

    status: ClaimStatus
    as_of: datetime | None
    stale_by_hours: float
    sources: tuple[SourceState, ...]
    check: str
    alarm: Alarm = ""

    @property
    def sources_text(self) -> str:
        """Sources as stored with an edition: `stream@horizon`, separated by `; `."""
        return "; ".join(
            f"{source.stream}@{source.as_of.isoformat() + 'Z' if source.as_of else 'never'}"
            for source in self.sources
        )


@dataclass(frozen=True)
class EvidenceBook:
    """Rows of the status models by metric and by stream; verdicts of checks by metric and rule."""

    metrics: Mapping[str, Mapping[str, Any]]
    streams: Mapping[str, Mapping[str, Any]]
    checks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, claim: Claim) -> Evidence:
        """Return the evidence of a claim; a metric or stream nobody knows is `unknown`."""
        if claim.is_asserted:
            return Evidence("asserted", None, 0.0, (), "no check: authored text")
        if claim.is_agreed:
            return Evidence("agreed", None, 0.0, (), "no check: set by its owner")
        if claim.metric_id:
            return self._of_metric(claim.metric_id)
        if claim.streams:
            return self._of_streams(claim.streams)
        return self._of_ledger()

    def _of_metric(self, metric_id: str) -> Evidence:
        row = self.metrics.get(metric_id)
        if row is None:
            return Evidence("unknown", None, 0.0, (), "no such metric")
        sources = tuple(self.source(stream) for stream in split_streams(row["streams"]))
        status: ClaimStatus = "measured"
        if row["evidence"] in {"asserted", "never_measured"}:
            status = row["evidence"]
        elif row["freshness"] == "stale":
            status = "stale"
        elif row["freshness"] != "fresh":
            status = "unknown"
        stale_by = float(row["stale_by_hours"] or 0)
        check = row["check_verdict"] or "no check has run"
        if wrong := sorted(
            r for r, said in self.checks.get(metric_id, {}).items() if said == check
        ):
            check += f" ({', '.join(wrong)})"
        alarm = self.alarm(metric_id)
        return Evidence(status, row["as_of"], stale_by, sources, check, alarm)

    def alarm(self, metric_id: str) -> Alarm:
        """Say whether checks of a metric failed or broke; a late source alone is no alarm here."""
        row = self.metrics[metric_id]
        rules = self.checks.get(metric_id, {})
        if row["check_verdict"] == "broken" or "broken" in rules.values():
            return "broken"
        failed = {rule for rule, said in rules.items() if said == "failed"}
        unnamed = row["check_verdict"] == "failed" and not failed and row["freshness"] != "stale"
        return "failed" if failed - {"freshness"} or unnamed else ""

    def _of_streams(self, streams: tuple[str, ...]) -> Evidence:
        sources = tuple(self.source(stream) for stream in streams)
        horizons = [source.as_of for source in sources]
        as_of = None if None in horizons else min(h for h in horizons if h is not None)
        ages = [source.age_hours for source in sources if source.age_hours is not None]
        if as_of is None:
            return Evidence("unknown", None, 0.0, sources, self._last_read(streams))
        is_stale = any(source.is_stale for source in sources)
        status: ClaimStatus = "stale" if is_stale else "measured"
        stale_by = max(ages, default=0.0) if is_stale else 0.0
        return Evidence(status, as_of, stale_by, sources, self._last_read(streams))

    def _of_ledger(self) -> Evidence:
        reads = [row["last_attempt_at"] or row["as_of"] for row in self.streams.values()]
        as_of = max((moment for moment in reads if moment is not None), default=None)
        source = SourceState(LEDGER, as_of, 0.0, False)
        status: ClaimStatus = "measured" if as_of else "unknown"
        return Evidence(status, as_of, 0.0, (source,), "recorded by every read")

    def _last_read(self, streams: tuple[str, ...]) -> str:
        said = [self.streams[s]["last_status"] or "unknown" for s in streams if s in self.streams]
        return f"last read {'failed' if 'failed' in said else 'ok'}" if said else "never read"

    def source(self, stream: str) -> SourceState:
        """Return the state of one stream; one that was never read is stale."""
        row = self.streams.get(stream)
        if row is None or row["as_of"] is None:
            return SourceState(stream, None, None, True)
        return SourceState(stream, row["as_of"], float(row["age_hours"]), row["is_stale"])

    @functools.cached_property
    def moment(self) -> datetime | None:
        """The models' own "now", UTC: what their ages count from."""
        rows = (*self.metrics.values(), *self.streams.values())
        moments = [
            row["as_of"] + timedelta(hours=float(row["age_hours"]))
            for row in rows
            if row["as_of"] is not None and row.get("age_hours") is not None
        ]
        return max(moments, default=None)


def read_evidence(warehouse: Warehouse) -> EvidenceBook:
    """Read the status models and verdicts; PermanentFailure when one is missing or empty."""
    metrics = {r["metric_id"]: r for r in _required(warehouse, "rpt_metric_status")}
    streams = {r["stream"]: r for r in _required(warehouse, "rpt_stream_status")}
    checks: dict[str, dict[str, str]] = {}
    if "rpt_checks" in reporting_tables(warehouse):
        sql = (
            "select subject, rule, verdict from reporting.rpt_checks\nwhere subject_kind = 'metric'"
        )
        for row in warehouse.rows(sql):
            checks.setdefault(row["subject"], {})[row["rule"]] = row["verdict"]
    return EvidenceBook(metrics, streams, checks)


def reporting_tables(warehouse: Warehouse) -> frozenset[str]:
    """Return the names of the reporting models that exist."""
    sql = "select table_name from information_schema.tables where table_schema = 'reporting'"
    return frozenset(row["table_name"] for row in warehouse.rows(sql))


def split_streams(text: str | list[str] | None) -> tuple[str, ...]:
    """Return the stream names of a `streams` column (`a;b`, `a, b` or a list)."""
    if text is None:
        return ()
    parts = text if isinstance(text, list) else re.split(r"[;,]\s*", text)
    return tuple(part.strip() for part in parts if part.strip())


def _required(warehouse: Warehouse, table: str) -> list[dict[str, Any]]:
    todo = "Run `paygo run` (or `make demo`), which builds the reporting models first."
    if table not in reporting_tables(warehouse):
        what = f"The warehouse has no reporting.{table}."
        raise PermanentFailure(what, tried="build the page", todo=todo)
    rows = warehouse.rows(f"select * from reporting.{table} order by 1")
    if not rows:
        raise PermanentFailure(f"reporting.{table} is empty.", tried="build the page", todo=todo)
    return rows
