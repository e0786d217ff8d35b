"""Planted drift between entitlements and what billing expects, and overdue downgrades."""

from __future__ import annotations

from collections.abc import Callable

from . import baddebt, estate
from .faults_stripe import base
from .lifecycles import (
    ALWAYS,
    SUSPENDED,
    Fault,
    Window,
    copies,
    live,
    lives,
    plan_merge,
    set_workflow,
    special,
    suspend,
)
from .state import Account, World
from .times import DAY, DELIVERED, START, at, date_text, iso

Maker = Callable[[World, Account, int], Fault]


def _fault(w: World, account: Account, kind: str, service: str, state: str | None) -> Fault:
    """Access of one service is `state` whatever billing expects."""

    def make(moment: int) -> None:
        account.override[service] = state
        estate.sync_access(w, account, moment)

    def mend(moment: int) -> None:
        del account.override[service]
        estate.sync_access(w, account, moment)

    entity = f"{account.account_id}:{service}"
    return Fault("entitlement", kind, account, lambda: entity, make, mend)


def kept(w: World, account: Account, variant: int) -> Fault:
    """In bad debt for long, and the access was never taken back."""
    base(w, account)
    since = START - 30 * DAY + variant * DAY
    baddebt.enter(w, account, [], since)
    service = ("priority_support", "edge_cache")[variant % 2]
    return _fault(w, account, "kept_after_bad_debt", service, "GRANTED")


def unpaid(w: World, account: Account, variant: int) -> Fault:
    """Access before or without payment: past due, or still waiting for the payment."""
    service = ("priority_support", "custom_certificates", "tcp_proxy")[variant % 3]
    if variant % 3 == 2:
        estate.add_ope(w, account, START - DAY, "proxied_ports", ["2"], "PENDING:PENDING")
        estate.sync_access(w, account, START - DAY)
    else:
        sub = base(w, account)
        sub.row["status"] = "past_due"
        estate.sync_access(w, account, START - DAY)
    return _fault(w, account, "granted_but_unpaid", service, "GRANTED")


def not_granted(w: World, account: Account, variant: int) -> Fault:
    """Paid for, and the access is held, missing or taken."""
    base(w, account)
    state = ("HELD", None, "NONE")[variant % 3]
    return _fault(w, account, "paid_but_not_granted", "edge_cache", state)


_KINDS: tuple[tuple[Maker, str], ...] = (
    (kept, "merged"),
    (unpaid, "second_row"),
    (not_granted, "in_flight"),
)


def _until_delivery(w: World, windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """Scenario `shipped`: access without payment ends with the delivery."""
    if w.scenario != "shipped":
        return windows
    day = date_text(DELIVERED)
    return tuple((a, min(b or day, day)) for a, b in windows if a < day)


def plant(w: World) -> None:
    """All entitlement drift of the world."""
    for _ in range(copies(w)):
        for maker, how in _KINDS:
            for index, life in lives(w):
                windows = life if maker is not_granted else _until_delivery(w, life)
                if windows:
                    live(w, maker(w, special(w), index), windows)
            if maker is not not_granted and w.scenario == "shipped":
                continue
            _suspended(w, maker, how)
            merged = special(w)
            live(w, maker(w, merged, 0), ALWAYS)
            plan_merge(w, merged, at("2026-01-10T10:00"))
    _overdue(w)


def _suspended(w: World, maker: Maker, how: str) -> None:
    account = special(w)
    fault = maker(w, account, 0)
    live(w, fault, SUSPENDED)
    if how != "in_flight":
        suspend(w, fault, how)
        return
    # A second plan under workflow: the component is uncertain, the first one still pays.
    zone = estate.add_zone(w, account, START - 40 * DAY)
    ope = estate.add_ope(w, account, START - 40 * DAY, "zone_plan", ["free"], "USER:signup", zone)
    start = at("2026-03-08T12:00")
    w.at(start, lambda t: set_workflow(w, ope, t, True))
    w.at(start + 6 * DAY, lambda t: set_workflow(w, ope, t, False))


def _overdue(w: World) -> None:
    """Downgrades that should have been applied by now; the plan itself agrees everywhere."""
    for index in range(6 * copies(w)):
        account = special(w)
        ope = base(w, account).items[0].ope
        assert ope is not None
        ope.row["value_phases"] = ["pro", "free"]
        effective = at("2026-02-03T07:00") + 6 * index * DAY
        row = {
            "sslc_id": w.ids.new("slc"),
            "ope_id": ope.row["ope_id"],
            "from_value": "pro",
            "to_value": "free",
            "effective_at": iso(effective),
            "applied_at": None,
            "cancelled_at": None,
            "created_at": iso(START - 20 * DAY),
            "updated_at": iso(START - 20 * DAY),
        }
        w.put(account, "engine.subs_sslc", row)
        w.ledger.note("overdue_sslc", row["sslc_id"], "overdue", effective, None)
