"""What looks like Stripe drift and is excluded or none at all. Broken on purpose, like faults."""

from __future__ import annotations

from functools import partial

from . import estate
from .faults_stripe import add_on, base, missing, orphan, price, quantity, status
from .lifecycles import Fault, live_between, set_workflow, special
from .renewal import schedule_renewal
from .state import Account, Item, Ope, World
from .times import DAY, HOUR, at, iso


def plant(w: World) -> None:
    """All look-alikes that are not a kind of fault on an account out of scope."""
    _in_flight(w)
    _in_flight_of_every_kind(w)
    _near_of_every_kind(w)
    _still_in_flight(w)
    _never_drift(w)


def _in_flight(w: World) -> None:
    """A wrong quantity that a running workflow may explain; a price just before renewal."""
    fault, ope = quantity(w, special(w), 0)
    start = at("2026-03-04T09:00")
    w.at(start, lambda t: set_workflow(w, ope, t, True))
    live_between(w, fault, start + 60, start + 3 * DAY)
    w.at(start + 3 * DAY + 60, lambda t: set_workflow(w, ope, t, False))
    for day in (3, 10, 17):
        account = special(w)
        end = at(f"2026-03-{day:02d}T10:00")
        sub = base(w, account, "year", end - 365 * DAY)
        sub.period_end = end
        for item in sub.items:
            item.row["current_period_end"] = iso(end)
        schedule_renewal(w, sub)
        item, ope = add_on(sub)
        _price_between(w, account, item, ope, end - 2 * DAY, end - 20 * HOUR)


def _in_flight_of_every_kind(w: World) -> None:
    """Each kind of drift while a workflow, or a pending payment, may explain it."""
    for maker in (missing, status, price):
        fault, ope = maker(w, special(w), 0)
        began = at("2026-03-05T09:00")
        w.at(began, partial(set_workflow, w, ope, on=True))
        live_between(w, fault, began + 60, began + 3 * DAY)
        w.at(began + 3 * DAY + 60, partial(set_workflow, w, ope, on=False))
    account = special(w)
    item, ope = add_on(base(w, account))

    def make(moment: int) -> None:
        estate.change_ope(w, ope, moment, license_source_id="PENDING:PENDING")
        estate.sync_access(w, account, moment)

    def mend(moment: int) -> None:
        license_id = f"{item.sub.row['id']}:{item.row['id']}"
        estate.change_ope(w, ope, moment, license_source_id=license_id)
        estate.sync_access(w, account, moment)

    # Within the days extracted: what named an item before them, nobody can know.
    fault = Fault("stripe", "orphan_in_stripe", account, partial(str, item.row["id"]), make, mend)
    live_between(w, fault, at("2026-03-05T11:00"), at("2026-03-09T11:00"))


def _near_of_every_kind(w: World) -> None:
    """Each kind of drift in the last days before a yearly renewal, mended before it is due."""
    end = at("2026-03-13T10:00")
    for maker in (missing, orphan, status, quantity):
        fault, ope = maker(w, special(w), 0)
        assert ope.item is not None
        sub = ope.item.sub
        sub.period_start, sub.period_end = end - 365 * DAY, end
        for item in sub.items:
            item.row["current_period_end"] = iso(end)
        live_between(w, fault, end - 2 * DAY, end - 20 * HOUR)


def _still_in_flight(w: World) -> None:
    """Workflows that run while everything agrees: no verdict to exclude."""
    for index in range(5):
        _, ope = quantity(w, special(w), index)
        began = at(f"2026-03-{18 + index:02d}T13:00")
        w.at(began, partial(set_workflow, w, ope, on=True))


def _price_between(w: World, account: Account, item: Item, ope: Ope, start: int, end: int) -> None:
    def make(moment: int) -> None:
        wrong = {"unit_amount": 333, "unit_amount_decimal": "333"}
        w.update(account, "stripe.subscription_items", item.row, moment, **wrong)
        estate.sub_updated(w, item.sub, moment)

    def mend(moment: int) -> None:
        estate.reprice(w, item, moment, item.component, ope.row["value_phases"][0])

    fault = Fault("stripe", "price_mismatch", account, lambda: item.row["id"], make, mend)
    live_between(w, fault, start, end)


def _never_drift(w: World) -> None:
    """Items that look wrong and are not: collected debt, contracts, no price to expect."""
    for index in range(5):
        account = special(w)
        sub = base(w, account)
        debt = estate.add_item(w, sub, sub.period_start, "waiting_rooms", "1")
        debt.row["metadata"] = {"bad_debt_item": "true"}
        debt.row["unit_amount"], debt.row["unit_amount_decimal"] = 4200, "4200"
        contract = special(w, "ad_hoc_contract")
        sub = base(w, contract)
        _, moved = add_on(sub)
        estate.add_item(w, sub, sub.period_start, "waiting_rooms", "1")
        w.at(at(f"2026-03-{3 + index:02d}T12:00"), partial(_to_contract, w, moved))
        unpriced = special(w, currency="gbp")
        sub = base(w, unpriced)
        item_ope = estate.buy(w, sub, sub.period_start, "static_addresses", "2")
        assert item_ope.item is not None
        item_ope.item.row["unit_amount"] = 1234 + index
        item_ope.item.row["unit_amount_decimal"] = str(1234 + index)
        estate.sync_access(w, unpriced, sub.period_start)
        waiting = special(w)
        plan = base(w, waiting).items[0].ope
        assert plan is not None
        plan.row["value_phases"] = ["pro", "biz"]


def _to_contract(w: World, ope: Ope, moment: int) -> None:
    """A contract takes over; the item that billed it stays in Stripe."""
    w.named[ope.row["license_source_id"]].remove(ope)
    estate.change_ope(w, ope, moment, license_source_id="CONTRACT:CONTRACT")
    w.named.setdefault("CONTRACT:CONTRACT", []).append(ope)
    estate.sync_access(w, ope.account, moment)
