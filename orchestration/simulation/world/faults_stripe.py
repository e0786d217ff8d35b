"""Planted drift between live OPEs and Stripe subscription items, and its look-alikes."""

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
    lives,
    plan_merge,
    second_row,
    set_type,
    special,
    suspend,
)
from .renewal import schedule_renewal
from .state import Account, Item, Ope, Sub, World
from .times import DAY, HOUR, at, iso

Maker = Callable[[World, Account, int], tuple[Fault, Ope]]
_ADD_ONS = ("load_balancing_origins", "seats", "rate_limiting_rules", "custom_hostnames")
_FAR = at("2025-06-01T08:00")
_STATUSES = ("unpaid", "paused", "canceled")


def base(w: World, account: Account, interval: str = "year", start: int | None = None) -> Sub:
    """A paid-up subscription of a zone plan and an add-on, renewed far from the window."""
    rng = w.rng("faults")
    begin = start or _FAR + rng.randrange(0, 150) * DAY + rng.randrange(HOUR, 20 * HOUR)
    sub = estate.add_sub(w, account, begin, interval, period_start=begin)
    zone = estate.add_zone(w, account, begin, "pro")
    estate.buy(w, sub, begin, "zone_plan", "pro", zone)
    estate.buy(w, sub, begin, rng.choice(_ADD_ONS), str(rng.randint(2, 9)))
    estate.sync_access(w, account, begin)
    schedule_renewal(w, sub)
    return sub


def add_on(sub: Sub) -> tuple[Item, Ope]:
    item = sub.items[-1]
    assert item.ope is not None
    return item, item.ope


def missing(w: World, account: Account, variant: int) -> tuple[Fault, Ope]:
    """The OPE's item is taken off the subscription in Stripe."""
    item, ope = add_on(base(w, account))
    sub = item.sub

    def mend(moment: int) -> None:
        again = estate.add_item(w, sub, moment, item.component, ope.row["value_phases"][0])
        estate.license_ope(w, ope, again, moment)
        estate.sub_updated(w, sub, moment)

    def make(moment: int) -> None:
        assert ope.item is not None
        estate.remove_item(w, ope.item, moment)

    fault = Fault("stripe", "missing_in_stripe", account, lambda: ope.row["ope_id"], make, mend)
    return fault, ope


def orphan(w: World, account: Account, variant: int) -> tuple[Fault, Ope]:
    """An item lives whose OPE is soft-deleted (even variants), or that no OPE ever named."""
    sub = base(w, account)
    item, ope = add_on(sub)
    made: list[Item] = []

    def make(moment: int) -> None:
        if variant % 2 == 0:
            estate.change_ope(w, ope, moment, deleted_date=iso(moment))
            estate.sync_access(w, account, moment)
        else:
            made.append(estate.add_item(w, sub, moment, "waiting_rooms", "1"))
            estate.sub_updated(w, sub, moment)

    def mend(moment: int) -> None:
        if variant % 2 == 0:
            estate.change_ope(w, ope, moment, deleted_date=None)
            estate.sync_access(w, account, moment)
        else:
            estate.remove_item(w, made.pop(), moment)

    def entity() -> str:
        return str((made[-1] if made else item).row["id"])

    return Fault("stripe", "orphan_in_stripe", account, entity, make, mend), ope


def status(w: World, account: Account, variant: int) -> tuple[Fault, Ope]:
    """The subscription is over in Stripe, the engine still has it as billed."""
    sub = base(w, account)
    extra, ope = add_on(sub)
    estate.change_ope(w, ope, sub.period_start, deleted_date=iso(sub.period_start))
    estate.remove_item(w, extra, sub.period_start)
    estate.sync_access(w, account, sub.period_start)
    plan = sub.items[0]
    assert plan.ope is not None
    now = _STATUSES[variant % 3]

    def make(moment: int) -> None:
        ended = iso(moment) if now == "canceled" else None
        estate.sub_updated(w, sub, moment, status=now, canceled_at=ended, ended_at=ended)
        estate.sync_access(w, account, moment)

    def mend(moment: int) -> None:
        if now == "canceled":
            assert plan.ope is not None and plan.ope.zone is not None
            estate.change_ope(w, plan.ope, moment, deleted_date=iso(moment))
            estate.set_level(w, account, plan.ope.zone, "free", moment)
        else:
            estate.sub_updated(w, sub, moment, status="active")
        estate.sync_access(w, account, moment)

    fault = Fault("stripe", "status_mismatch", account, lambda: plan.row["id"], make, mend)
    return fault, plan.ope


def price(w: World, account: Account, variant: int) -> tuple[Fault, Ope]:
    """The item has another price than the catalogue's."""
    item, ope = add_on(base(w, account))

    def make(moment: int) -> None:
        amount = item.row["unit_amount"]
        if variant % 3 != 2:
            amount = amount - 100 * (1 + variant % 4)
        changes = {
            "price_id": w.ids.new("price"),
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        }
        w.update(account, "stripe.subscription_items", item.row, moment, **changes)
        estate.sub_updated(w, item.sub, moment)

    def mend(moment: int) -> None:
        estate.reprice(w, item, moment, item.component, ope.row["value_phases"][0])

    fault = Fault("stripe", "price_mismatch", account, lambda: item.row["id"], make, mend)
    return fault, ope


def quantity(w: World, account: Account, variant: int) -> tuple[Fault, Ope]:
    """The item bills another number than the OPE has."""
    item, ope = add_on(base(w, account))
    granted = ope.row["component"]
    estate.add_ope(w, account, item.sub.period_start, granted, ["1"], "ADMIN:goodwill")

    def make(moment: int) -> None:
        wrong = item.row["quantity"] + 1 + variant % 3
        w.update(account, "stripe.subscription_items", item.row, moment, quantity=wrong)
        estate.sub_updated(w, item.sub, moment)

    def mend(moment: int) -> None:
        estate.reprice(w, item, moment, item.component, ope.row["value_phases"][0])

    fault = Fault("stripe", "quantity_mismatch", account, lambda: item.row["id"], make, mend)
    return fault, ope


_KINDS: tuple[tuple[Maker, str], ...] = (
    (missing, "merged"),
    (orphan, "type"),
    (status, "second_row"),
    (price, "near"),
    (quantity, "in_flight"),
)


def plant(w: World) -> None:
    """All Stripe drift of the world."""
    for _ in range(copies(w)):
        for maker, how in _KINDS:
            for index, windows in lives(w):
                # A cancelled subscription or an unnamed item does not come back.
                again = len(windows) > 1
                fault, _ = maker(w, special(w), 0 if again else index)
                live(w, fault, windows)
            _suspended(w, maker, how)
            _look_alikes(w, maker)


def _suspended(w: World, maker: Maker, how: str) -> None:
    if how == "near":
        _near_renewals(w)
        return
    fault, ope = maker(w, special(w), 0)
    live(w, fault, SUSPENDED)
    suspend(w, fault, how, ope)


def _near_renewals(w: World) -> None:
    """Monthly items with a wrong price: excluded in the three days before each renewal."""
    for day in ("2025-12-10", "2025-12-18"):
        account = special(w)
        start = at(f"{day}T11:30")
        sub = estate.add_sub(w, account, start - 90 * DAY, "month", period_start=start)
        ope = estate.buy(w, sub, start, "seats", "3")
        estate.sync_access(w, account, start)
        schedule_renewal(w, sub)
        item = sub.items[0]

        def make(moment: int, item: Item = item, account: Account = account) -> None:
            wrong = {"unit_amount": 777, "unit_amount_decimal": "777"}
            w.update(account, "stripe.subscription_items", item.row, moment, **wrong)
            estate.sub_updated(w, item.sub, moment)

        def mend(moment: int, item: Item = item, ope: Ope = ope) -> None:
            estate.reprice(w, item, moment, item.component, ope.row["value_phases"][0])

        entity = partial(str, item.row["id"])
        fault = Fault("stripe", "price_mismatch", account, entity, make, mend)
        live(w, fault, SUSPENDED)


def _look_alikes(w: World, maker: Maker) -> None:
    """The same thing on accounts that no verdict is due for."""
    fault, _ = maker(w, special(w, "msp"), 0)
    live(w, fault, ALWAYS)
    merged = special(w)
    fault, _ = maker(w, merged, 0)
    live(w, fault, ALWAYS)
    plan_merge(w, merged, at("2026-01-10T10:00"))
    if maker is not missing:
        return
    account = special(w, "startup")
    typed_at = at("2025-12-25T09:00")
    w.at(typed_at, lambda t: set_type(w, account, t, "partners_pay_go", True))
    fault, _ = maker(w, account, 0)
    live(w, fault, ALWAYS)
    twice = special(w)
    fault, _ = maker(w, twice, 0)
    live(w, fault, ALWAYS)
    w.at(at("2026-01-11T10:00"), lambda t: second_row(w, twice, t))
