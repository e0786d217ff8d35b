"""Planted drift between plan levels in www and the engine's zone-plan OPEs, and look-alikes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import estate
from .lifecycles import (
    ALWAYS,
    SUSPENDED,
    Fault,
    copies,
    live,
    live_between,
    lives,
    plan_merge,
    set_workflow,
    special,
    suspend,
)
from .state import Account, Ope, Sub, World
from .store import Row
from .times import DAY, HOUR, at, iso

Maker = Callable[[World, Account, int], tuple[Fault, Ope | None]]
_FAR = at("2025-06-01T08:00")


def plans(w: World, account: Account, *levels: str) -> tuple[Sub, list[Row]]:
    """A yearly subscription with a zone for each level."""
    rng = w.rng("faults")
    begin = _FAR + rng.randrange(0, 150) * DAY + rng.randrange(HOUR, 20 * HOUR)
    sub = estate.add_sub(w, account, begin, "year", period_start=begin)
    zones = []
    for level in levels:
        zone = estate.add_zone(w, account, begin, level)
        estate.buy(w, sub, begin, "zone_plan", level, zone)
        zones.append(zone)
    estate.sync_access(w, account, begin)
    return sub, zones


def _level_fault(
    w: World, account: Account, kind: str, right: str, wrong: str
) -> tuple[Fault, Ope]:
    # The second zone keeps the account's access while a workflow holds the first.
    sub, zones = plans(w, account, right, "pro")
    zone, ope = zones[0], sub.items[0].ope
    assert ope is not None

    def make(moment: int) -> None:
        estate.set_level(w, account, zone, wrong, moment)

    def mend(moment: int) -> None:
        estate.set_level(w, account, zone, right, moment)

    return Fault("zone_plan", kind, account, lambda: zone["zone_id"], make, mend), ope


def above(w: World, account: Account, variant: int) -> tuple[Fault, Ope | None]:
    """www gives more than the engine bills."""
    return _level_fault(w, account, "plan_above_engine", "pro", ("biz", "ent")[variant % 2])


def below(w: World, account: Account, variant: int) -> tuple[Fault, Ope | None]:
    """www gives less than the engine bills."""
    return _level_fault(w, account, "plan_below_engine", "biz", ("pro", "free")[variant % 2])


def missing_in_engine(w: World, account: Account, variant: int) -> tuple[Fault, Ope | None]:
    """A paid level in www without an OPE."""
    plans(w, account, "pro")
    zone = estate.add_zone(w, account, at("2025-12-01T10:00"))
    level = ("pro", "biz")[variant % 2]

    def make(moment: int) -> None:
        estate.set_level(w, account, zone, level, moment)

    def mend(moment: int) -> None:
        estate.set_level(w, account, zone, "free", moment)

    return Fault(
        "zone_plan", "missing_in_engine", account, lambda: zone["zone_id"], make, mend
    ), None


def missing_in_www(w: World, account: Account, variant: int) -> tuple[Fault, Ope | None]:
    """The engine bills a zone that www has deactivated, or does not have."""
    sub, zones = plans(w, account, "pro", "pro")
    zone = zones[0]

    def make(moment: int) -> None:
        if variant % 2:
            account.zones.remove(zone)
            w.delete(account, "core.zones", zone["zone_id"])
        else:
            w.update(account, "core.zones", zone, moment, status="deactivated")

    def mend(moment: int) -> None:
        if variant % 2:
            account.zones.append(zone)
            zone["updated_at"] = iso(moment)
            w.put(account, "core.zones", zone)
        else:
            w.update(account, "core.zones", zone, moment, status="active")

    fault = Fault("zone_plan", "missing_in_www", account, lambda: zone["zone_id"], make, mend)
    return fault, sub.items[0].ope


_KINDS: tuple[tuple[Maker, str], ...] = (
    (above, "type"),
    (below, "in_flight"),
    (missing_in_engine, "merged"),
    (missing_in_www, "in_flight"),
)


def plant(w: World) -> None:
    """All zone-plan drift of the world."""
    for _ in range(copies(w)):
        for maker, how in _KINDS:
            for index, windows in lives(w):
                fault, _ = maker(w, special(w), index)
                live(w, fault, windows)
            fault, ope = maker(w, special(w), 0)
            live(w, fault, SUSPENDED)
            suspend(w, fault, how, ope)
            _look_alikes(w, maker)
    _in_flight(w)
    _pending(w)
    _malformed(w)


def _look_alikes(w: World, maker: Maker) -> None:
    fault, _ = maker(w, special(w, "partner_s"), 0)
    live(w, fault, ALWAYS)
    merged = special(w)
    fault, _ = maker(w, merged, 1)
    live(w, fault, ALWAYS)
    plan_merge(w, merged, at("2026-01-10T10:00"))


def _in_flight(w: World) -> None:
    """Each kind that has an OPE, while a workflow may explain it."""
    began = at("2026-03-06T09:00")
    for maker in (above, below, missing_in_www):
        fault, ope = maker(w, special(w), 0)
        assert ope is not None
        w.at(began, partial(set_workflow, w, ope, on=True))
        live_between(w, fault, began + 60, began + 3 * DAY)
        w.at(began + 3 * DAY + 60, partial(set_workflow, w, ope, on=False))


def _pending(w: World) -> None:
    """A plan that waits for its payment: the zone is still free, in flight."""
    for index in range(3):
        account = special(w)
        zone = estate.add_zone(w, account, at("2025-12-02T10:00"))
        start = at(f"2026-03-{2 + 5 * index:02d}T15:00")
        made: list[Ope] = []

        def make(
            moment: int, account: Account = account, zone: Row = zone, made: list[Ope] = made
        ) -> None:
            source = "PENDING:PENDING"
            made.append(estate.add_ope(w, account, moment, "zone_plan", ["pro"], source, zone))
            estate.sync_access(w, account, moment)

        def mend(moment: int, account: Account = account, made: list[Ope] = made) -> None:
            estate.change_ope(w, made[-1], moment, deleted_date=iso(moment))
            estate.sync_access(w, account, moment)

        w.at(start, make)
        w.at(start + 2 * DAY, mend)
        entity = zone["zone_id"]
        w.ledger.plant("zone_plan", entity, "plan_below_engine", start).ended = start + 2 * DAY


_MALFORMED: tuple[tuple[list[str], str | None], ...] = (
    ([], "ADMIN:goodwill"),
    (["gold"], "ADMIN:goodwill"),
    (["pro"], "VOUCHER:spring"),
    (["pro"], None),
    ([""], "USER:trial"),
    (["biz"], "ADMIN:"),
)


def _malformed(w: World) -> None:
    """OPEs from which no state can be read: counted, and no verdict on their zone."""
    for phases, source in _MALFORMED:
        account = special(w)
        created = at("2025-12-26T10:00")
        zone = estate.add_zone(w, account, at("2025-12-02T10:00"))

        def make(
            moment: int,
            account: Account = account,
            zone: Row = zone,
            phases: list[str] = phases,
            source: str | None = source,
        ) -> None:
            ope = estate.add_ope(w, account, moment, "zone_plan", phases, source, zone)
            estate.set_level(w, account, zone, "pro", moment)
            w.ledger.note("malformed_ope", ope.row["ope_id"], "malformed", moment, None)

        w.at(created, make)
        w.ledger.plant("zone_plan", zone["zone_id"], "missing_in_engine", created)
