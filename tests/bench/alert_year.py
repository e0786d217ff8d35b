"""A simulated year of states through the real policy: what people are told, and what not.

Every hour one evaluation. Month ends lift the billing metrics to a warning, sources stop for days,
metrics flap at their threshold, the checker breaks once a quarter, and twice a month something
real happens. Of what is critical four fifths are acknowledged three hours after they are told, the
rest never. Compared with a message for every check that fails at each of the two runs a day,
and with one whenever a check begins to fail or passes again.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from expectations.seasonal import edge_of_month
from orchestration.alerting.causes import CheckState, MetricState, StreamState, causes_of, undecided
from orchestration.alerting.hold import is_quiet, parse_quiet_hours
from orchestration.alerting.policy import Incident, Notice, evaluate

CATALOGUE = Path(__file__).parents[2] / "dbt_project" / "seeds" / "metric_catalogue.csv"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 365 * 24
WINDOW = timedelta(hours=26)
SOURCES = ("stripe", "engine", "core", "jira")
BILLING = ("uncollectible_invoices_per_day", "dunning_failures_per_month")
FLAPPING = ("pipe_lag_p95_seconds", "stuck_events", "bad_debt_entries_per_day")
QUIET = "22:00-07:00@Europe/Berlin"


@dataclass(frozen=True)
class Real:
    """Something that really went wrong: a metric is critical from `start` to `end`."""

    metric: str
    start: datetime
    end: datetime


@dataclass
class Year:
    """What will happen, drawn from a seed."""

    metrics: list[MetricState]
    reals: list[Real]
    outages: list[tuple[str, datetime, datetime]]
    flaps: dict[str, np.ndarray[Any, np.dtype[np.bool_]]]
    broken: set[int]
    diligence: np.random.Generator

    @classmethod
    def drawn(cls, seed: int) -> Year:
        rng = np.random.default_rng(seed)
        with CATALOGUE.open(newline="") as file:
            metrics = [
                MetricState(
                    r["metric_id"], r["title"], r["owner"], "fresh", 0, "", "ok", "1", r["unit"],
                    streams=tuple(r["streams"].split(";")),
                )
                for r in csv.DictReader(file)
            ]  # fmt: skip
        calm = [m.metric_id for m in metrics if m.metric_id not in FLAPPING]
        reals = []
        for month in range(12):
            for half in range(2):
                # Values are known at midnight: so begins what they show, a fortnight apart.
                day = month * 30 + half * 15 + int(rng.integers(0, 8))
                start = FIRST + timedelta(days=day)
                end = start + timedelta(days=int(rng.integers(1, 6)))
                reals.append(Real(str(rng.choice(calm)), start, end))
        outages = []
        for month in range(12):
            for source in rng.choice(SOURCES, 2, replace=False):
                start = FIRST + timedelta(hours=month * 720 + int(rng.integers(0, 500)))
                lasts = timedelta(hours=int(rng.integers(30, 100)))
                outages.append((str(source), start, start + lasts))
        flaps = {name: rng.random(366) < 0.3 for name in FLAPPING}
        broken = {int(q * 91 + rng.integers(0, 80)) for q in range(4)}
        return cls(metrics, reals, outages, flaps, broken, rng)

    def streams(self, now: datetime) -> dict[str, StreamState]:
        """Streams at a moment: read every six hours unless their source is out."""
        found = {}
        for name in dict.fromkeys(s for m in self.metrics for s in m.streams):
            read = now.replace(minute=0) - timedelta(hours=now.hour % 6)
            for source, start, end in self.outages:
                if name.startswith(source) and start <= read < end:
                    read = start
            age = now - read
            found[name] = StreamState(name, age > WINDOW, age / timedelta(hours=1), read + WINDOW)
        return found

    def states(self, now: datetime, streams: dict[str, StreamState]) -> list[MetricState]:
        """Metrics at a moment, levels as of the last midnight."""
        day = (now - FIRST).days
        return [self._state(m, now, day, streams) for m in self.metrics]

    def _state(
        self, metric: MetricState, now: datetime, day: int, streams: dict[str, StreamState]
    ) -> MetricState:
        oldest = max((streams[s] for s in metric.streams), key=lambda s: s.age_hours or 0)
        level = "ok"
        if metric.metric_id in BILLING and edge_of_month(now.date()):
            level = "warning"
        if metric.metric_id in FLAPPING and self.flaps[metric.metric_id][day]:
            level = "warning"
        if any(r.metric == metric.metric_id and r.start <= now < r.end for r in self.reals):
            level = "critical"
        return replace(
            metric,
            freshness="stale" if oldest.is_late else "fresh",
            stale_by_hours=(oldest.age_hours or 0) if oldest.is_late else 0,
            oldest_source=oldest.stream,
            level=level,
        )

    def checks(self, now: datetime) -> list[CheckState]:
        """One day a quarter the query behind a suite cannot run."""
        if (now - FIRST).days not in self.broken:
            return []
        return [
            CheckState(
                f"metric.bounds.{m.metric_id}", "metric_bounds", "metric", m.metric_id, "bounds",
                "broken", "the query could not run",
            )
            for m in self.metrics
        ]  # fmt: skip


@dataclass
class Replay:
    """What came of a year."""

    year: Year
    told: list[tuple[datetime, Notice]] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)
    taken: dict[str, datetime] = field(default_factory=dict)
    per_run: int = 0
    per_change: int = 0

    def pages(self, real: Real) -> list[tuple[datetime, Notice]]:
        """Notices that called somebody about a real incident."""
        return [
            (at, n)
            for at, n in self.told
            if n.incident.cause == real.metric
            and n.incident.severity == "critical"
            and n.kind in ("opened", "reopened", "escalated")
            and real.start <= at < real.end
        ]

    def unresolved(self) -> list[str]:
        """Incidents that people heard of and never heard resolved."""
        last = {n.incident.incident_id: n.kind for _, n in self.told}
        return [incident for incident, kind in last.items() if kind != "resolved"]

    @property
    def kinds(self) -> Counter[str]:
        return Counter(n.kind for _, n in self.told)

    @property
    def fewer(self) -> float:
        return 1 - len(self.told) / self.per_run


def replay(seed: int, step_hours: int = 1) -> Replay:
    """Run the policy over a year and a quiet month after it, so that everything can end."""
    year = Year.drawn(seed)
    quiet = parse_quiet_hours(QUIET)
    done = Replay(year)
    failing: set[str] = set()
    for hour in range(0, HOURS + 24 * 30, step_hours):
        now = FIRST + timedelta(hours=hour)
        streams = year.streams(now)
        states = year.states(now, streams) if hour < HOURS else year.metrics
        checks = year.checks(now) if hour < HOURS else []
        late = list(streams.values()) if hour < HOURS else []
        _acknowledge(done, now)
        found = evaluate(
            causes_of(states, late, checks),
            list(done.incidents.values()),
            now,
            undecided=lambda i, states=states: undecided(states, i),
            is_held=lambda i, now=now: is_quiet(i, quiet, now),
        )
        done.incidents.update({i.incident_id: i for i in found.incidents})
        done.told += [(now, n) for n in found.notices]
        for notice in found.notices:
            if notice.incident.severity == "critical" and year.diligence.random() < 0.8:
                done.taken[notice.incident.incident_id] = now + timedelta(hours=3)
        if hour % 24 in (0, 6):
            bad = set(_failing(states, late, checks))
            done.per_run += len(bad)
            done.per_change += len(bad ^ failing)
            failing = bad
    return done


def _acknowledge(done: Replay, now: datetime) -> None:
    for incident_id, at in list(done.taken.items()):
        incident = done.incidents[incident_id]
        if now >= at:
            del done.taken[incident_id]
            if incident.state == "open":
                done.incidents[incident_id] = replace(incident, state="acknowledged")


def _failing(
    states: list[MetricState], streams: list[StreamState], checks: list[CheckState]
) -> Iterator[str]:
    for state in states:
        if state.freshness != "fresh":
            yield f"freshness {state.metric_id}"
        if state.level != "ok":
            yield f"level {state.metric_id}"
    yield from (f"freshness {s.stream}" for s in streams if s.is_late)
    yield from (c.check_id for c in checks)


def measure(seeds: int = 3) -> list[dict[str, Any]]:
    """Print the figures of some years and return the rows of the bench."""
    done = [replay(seed) for seed in range(seeds)]
    _print(done)
    reals = [(d, r) for d in done for r in d.year.reals]
    told, per_run = sum(len(d.told) for d in done), sum(d.per_run for d in done)
    once = sum(len(d.pages(r)) == 1 for d, r in reals)
    return [
        {
            "name": f"notifications of {seeds} simulated years",
            "value": float(told),
            "unit": "messages",
            "against": f"one a failing check and run: {per_run}",
            "ratio": told / per_run,
            "limit": 0.2,
            "better": "lower",
        },
        {
            "name": "real incidents paged exactly once",
            "value": float(once),
            "unit": "incidents",
            "against": f"all: {len(reals)}",
            "ratio": once / len(reals),
            "limit": 1.0,
            "better": "higher",
        },
    ]


def _print(done: list[Replay]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("year", "real", "paged once", "lost", "longest wait", "unresolved", "messages",
                  "one a failing check", "fewer", "one a change", "fewer", "of them")  # fmt: skip
    for seed, d in enumerate(done):
        pages = [d.pages(r) for r in d.year.reals]
        waits = [p[0][0] - r.start for p, r in zip(pages, d.year.reals, strict=True) if p]
        shown.add_row(
            str(seed),
            str(len(pages)),
            str(sum(len(p) == 1 for p in pages)),
            str(sum(not p for p in pages)),
            str(max(waits)),
            str(len(d.unresolved())),
            str(len(d.told)),
            str(d.per_run),
            f"{100 * d.fewer:.1f} %",
            str(d.per_change),
            f"{100 * (1 - len(d.told) / d.per_change):.1f} %",
            ", ".join(f"{k} {n}" for k, n in sorted(d.kinds.items())),
        )
    Console(width=170).print(shown)
