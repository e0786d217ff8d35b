"""Runs the world day by day and writes its changesets and its truth."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from . import baddebt, edits, faults, fixed_flows, ordinary, pipe
from .jira import Tickets
from .metrics import Observer, Series, flows
from .population import populate
from .state import World
from .times import BOUNDARIES, DAY, LAST_DAY_END, NOW, START, iso, stamp

VERSION = 5
SCENARIOS = ("published", "calm", "shipped")
FEWEST_ACCOUNTS = 300
FRESH_WITHOUT_STRIPE = (
    "bad_debt_entries_per_day",
    "bad_debt_exits_per_day",
    "zone_plan_drift_accounts",
    "checkout_rollbacks_per_day",
    "pipe_lag_p95_seconds",
    "stuck_events",
    "engineering_tickets_per_month",
)
DETECTORS = ("stripe", "zone_plan", "triple_store", "double_charge", "entitlement")
"""Whose faults the truth lists as discrepancies; all others are listed as `faults`."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class WorldInfo:
    """What `world.json` says of a generated world."""

    accounts: int
    seed: int
    scenario: str
    version: int
    boundaries: list[str]
    stripe_key_revoked_at: str | None


def refuse_impossible(accounts: int, scenario: str) -> None:
    """Raise ValueError for an unknown scenario or too few accounts."""
    if scenario not in SCENARIOS:
        raise ValueError(f"unknown scenario {scenario!r}; known: {', '.join(SCENARIOS)}")
    if accounts < FEWEST_ACCOUNTS:
        raise ValueError(
            f"a world needs at least {FEWEST_ACCOUNTS} accounts to hold every fault, got {accounts}"
        )


def generate(
    accounts: int, seed: int, scenario: str, out: Path, progress: Progress | None = None
) -> WorldInfo:
    """Write a world of `accounts` accounts to `out`; the same arguments give the same bytes.

    A world that is there already is kept. `progress` gets (share done, what is done).
    Raises ValueError for an unknown scenario or too few accounts.
    """
    refuse_impossible(accounts, scenario)
    w = World(accounts, seed, scenario)
    info = _info(w)
    if _matches(out, info):
        return info
    work = out.with_name(out.name + ".partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    # The world is one big graph that lives to the end: collecting garbage only costs time.
    gc.disable()
    try:
        observer = simulate(w, work / "changes", progress or (lambda share, text: None))
    finally:
        gc.enable()
    (work / "truth.json").write_bytes(_dump(truth(w, observer)))
    (work / "world.json").write_bytes(_dump(asdict(info)))
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    return info


def _info(w: World) -> WorldInfo:
    boundaries = [iso(b) for b in BOUNDARIES]
    revoked = fixed_flows.revoked_at(w)
    return WorldInfo(w.size, w.seed, w.scenario, VERSION, boundaries, revoked)


def _matches(out: Path, info: WorldInfo) -> bool:
    file = out / "world.json"
    return file.exists() and bool(orjson.loads(file.read_bytes()) == asdict(info))


def _dump(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def start(w: World) -> None:
    """Everything that exists, or is already sure to happen, when the world starts."""
    faults.plant(w)
    populate(w, w.size - ordinary.arrivals(w) - len(w.accounts))
    baddebt.start_stock(w)
    ordinary.plan_arrivals(w, LAST_DAY_END)
    pipe.first_stuck(w)
    w.run_until(START)
    fixed_flows.first_fillers(w)


def simulate(w: World, changes: Path, progress: Progress) -> Observer:
    """Run the world to its end, writing one folder a boundary."""
    observer, deliveries = Observer(w), pipe.Pipe(w)
    tickets = Tickets(w)
    start(w)
    folders = {moment: f"{i:03d}-{stamp(moment)}" for i, moment in enumerate(BOUNDARIES)}
    for day in range(START, NOW, DAY):
        end = min(day + DAY, NOW)
        _plan_day(w, day, end)
        w.run_until(end)
        deliveries.deliver(day)
        if end == day + DAY:
            observer.end_of_day(end)
        if end in folders:
            fixed_flows.late_mutation(w, end)
            edits.late_edit(w, end)
            tickets.advance(end)
            w.store.flush(changes / folders[end])
        progress((end - START) / (NOW - START), iso(end)[:10])
    return observer


def _plan_day(w: World, day: int, end: int) -> None:
    if end < day + DAY:
        return
    fixed_flows.fill(w, day)
    fixed_flows.mutations_of_the_day(w, day)
    fixed_flows.green_zone_of_the_day(w, day)
    ordinary.changes_of_the_day(w, day)
    baddebt.exits_of_the_day(w, day)
    pipe.stuck_of_the_day(w, day)


def truth(w: World, observer: Observer) -> dict[str, object]:
    """The document of `truth.json`."""
    metrics: Series = {**observer.series, **flows(w)}
    stale = w.scenario == "published"
    found = w.ledger.discrepancies() + w.ledger.single_faults()
    return {
        "as_of": iso(NOW),
        "accounts": w.size,
        "seed": w.seed,
        "scenario": w.scenario,
        "metrics": metrics,
        "freshness": {
            name: "stale" if stale and name not in FRESH_WITHOUT_STRIPE else "fresh"
            for name in metrics
        },
        "discrepancies": [d for d in found if d["detector"] in DETECTORS],
        "exclusions": w.ledger.exclusions(),
        "tickets": w.books.tickets,
        "ticket_patterns": w.books.ticket_patterns,
        "faults": [d for d in found if d["detector"] not in DETECTORS],
    }
