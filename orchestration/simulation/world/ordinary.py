"""Ordinary life of ordinary accounts: sign-ups, purchases, changes of plan, with `edits` beside.

Every change is atomic over the stores; none of it is a fault.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from . import billing, edits, estate, opening
from .baddebt import cancel_everything
from .catalogue import LEVELS, RANK
from .population import add_on
from .renewal import end_ope, schedule_renewal
from .state import Account, Ope, Sub, World
from .store import Row
from .times import DAY, HOUR, START, iso

Change = Callable[[World, Account, int], None]


def arrivals(w: World) -> int:
    """Accounts that sign up while the world runs."""
    return round(w.size * 0.03)


def plan_arrivals(w: World, end: int) -> None:
    """Spread the sign-ups over the world's days."""
    rng = w.rng("arrivals")
    for _ in range(arrivals(w)):
        day = rng.randrange(START, end, DAY)
        w.at(day + rng.randrange(600, DAY - 600), lambda t: _sign_up(w, t))


def _sign_up(w: World, moment: int) -> None:
    account = opening.open_account(w, moment)
    if w.rng("arrivals").random() < 0.7:
        estate.add_zone(w, account, moment)
    w.at(moment + 30, lambda t: purchase(w, account, t))


def changes_of_the_day(w: World, day_start: int) -> None:
    """Draw today's changes and put them on the agenda."""
    rng = w.rng("ordinary")
    pool = [a for a in w.accounts if not a.special]
    for change, share in _CHANGES:
        for _ in range(_count(rng, w.size * share)):
            account = rng.choice(pool)
            moment = day_start + rng.randrange(600, DAY - 4 * HOUR)
            w.at(moment, lambda t, c=change, a=account: c(w, a, t))  # type: ignore[misc]


def _count(rng: random.Random, mean: float) -> int:
    whole = int(mean)
    return whole + (rng.random() < mean - whole)


def _open_sub(account: Account, interval: str) -> Sub | None:
    for sub in account.subs:
        if sub.interval == interval and sub.row["status"] == "active":
            return sub
    return None


def purchase(w: World, account: Account, moment: int) -> None:
    """A new subscription, paid at once."""
    rng = w.rng("ordinary")
    if account.flagged or account.stripe["metadata"].get("lifting"):
        return
    if account.engine["account_type"] == "ad_hoc_contract":
        return
    kind = "year" if account.zones and rng.random() < 0.5 else "month"
    if any(s.interval == kind and s.row["status"] not in _OVER for s in account.subs):
        return
    sub = estate.add_sub(w, account, moment, kind)
    zone = next((z for z in account.zones if z["plan_level"] == "free"), None)
    if kind == "month":
        for component in rng.sample(w.catalogue.usages, 2):
            estate.buy(w, sub, moment, component, "metered")
    elif zone is not None and zone["status"] == "active":
        _end_free(w, account, zone, moment)
        estate.buy(w, sub, moment, "zone_plan", "pro", zone)
        estate.set_level(w, account, zone, "pro", moment)
    else:
        estate.buy(w, sub, moment, add_on(w, rng, account), "2")
    if rng.random() < 0.06:
        _trial(w, sub, moment)
    else:
        _pay_now(w, sub, moment, "subscription_create")
    estate.sync_access(w, account, moment)
    schedule_renewal(w, sub)


def _trial(w: World, sub: Sub, moment: int) -> None:
    """The first fortnight is free."""
    end = moment + 14 * DAY
    estate.sub_updated(w, sub, moment, status="trialing", trial_end=iso(end))
    w.at(
        end - 3 * DAY,
        lambda t: w.event("customer.subscription.trial_will_end", "subscription", sub.row["id"], t),
    )
    w.at(end, lambda t: _trial_ends(w, sub, t))


def _trial_ends(w: World, sub: Sub, moment: int) -> None:
    if sub.row["status"] == "trialing":
        estate.sub_updated(w, sub, moment, status="active")
        _pay_now(w, sub, moment, "subscription_create")


_OVER = ("canceled", "incomplete_expired", "incomplete")


def _end_free(w: World, account: Account, zone: Row, moment: int) -> None:
    for ope in account.opes:
        if ope.zone is zone and not ope.row["deleted_date"]:
            estate.change_ope(w, ope, moment, deleted_date=iso(moment))


def _pay_now(w: World, sub: Sub, moment: int, reason: str, amount: int | None = None) -> None:
    total = amount or sum(billing.amount_of(item) for item in sub.items)
    bill = billing.Bill(reason, "engine_checkout", max(total, 500))
    invoice = billing.issue(w, sub.account, sub, moment, bill)
    billing.pay(w, sub.account, invoice, moment + 8)


def _plan_ope(account: Account) -> Ope | None:
    sub = _open_sub(account, "year")
    if sub is None:
        return None
    for item in sub.items:
        ope = item.ope
        if (
            ope
            and item.component == "zone_plan"
            and len(ope.row["value_phases"]) == 1
            and not ope.row["workflow_id"]
        ):
            return ope
    return None


def upgrade(w: World, account: Account, moment: int) -> None:
    """One level up at once, with a paid invoice; the workflow is in flight for a minute."""
    ope = _plan_ope(account)
    if ope is None or ope.row["value_phases"][0] == "ent" or ope.zone is None:
        return
    level = LEVELS[RANK[ope.row["value_phases"][0]] + 1]
    assert ope.item is not None
    estate.change_ope(w, ope, moment, value_phases=[level])
    estate.reprice(w, ope.item, moment, "zone_plan", level)
    estate.set_level(w, account, ope.zone, level, moment)
    _pay_now(w, ope.item.sub, moment, "subscription_update", 5000)
    estate.sync_access(w, account, moment)


def schedule_change(w: World, account: Account, moment: int) -> None:
    """A downgrade, cancellation or waiting upgrade for the end of the period."""
    ope = _plan_ope(account)
    if ope is None or ope.item is None:
        return
    now = ope.row["value_phases"][0]
    rank = RANK[now]
    following = w.rng("ordinary").choice(LEVELS[:rank])
    if w.rng("ordinary").random() < 0.1 and rank < 3:
        following = LEVELS[rank + 1]
    estate.change_ope(w, ope, moment, value_phases=[now, following])
    if RANK[following] < rank:
        _sslc(w, account, ope, following, moment)


def _sslc(w: World, account: Account, ope: Ope, following: str, moment: int) -> None:
    assert ope.item is not None
    row = {
        "sslc_id": w.ids.new("slc"),
        "ope_id": ope.row["ope_id"],
        "from_value": ope.row["value_phases"][0],
        "to_value": following,
        "effective_at": iso(ope.item.sub.period_end),
        "applied_at": None,
        "cancelled_at": None,
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    w.put(account, "engine.subs_sslc", row)
    w.sslc.setdefault(ope.row["ope_id"], []).append(row)
    schedule = {
        "schedule_id": w.ids.new("sch"),
        "account_id": account.account_id,
        "ope_id": ope.row["ope_id"],
        "action": "cancel" if following == "free" else "downgrade",
        "run_at": row["effective_at"],
        "status": "scheduled",
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    w.put(account, "billing.schedules", schedule)


def leave(w: World, account: Account, moment: int) -> None:
    """All subscriptions cancelled at once."""
    if account.engine["account_type"] != "ad_hoc_contract" and not account.flagged:
        cancel_everything(w, account, moment)


def end_add_on(w: World, account: Account, moment: int) -> None:
    """One add-on of several products goes."""
    sub = _open_sub(account, "year")
    if sub and len(sub.items) > 1 and sub.items[-1].ope is not None:
        end_ope(w, sub.items[-1].ope, moment)


def change_quantity(w: World, account: Account, moment: int) -> None:
    """More or fewer of a counted add-on."""
    sub = _open_sub(account, "year")
    for item in sub.items if sub else []:
        if w.catalogue.kinds[item.component] == "sum" and item.ope is not None:
            value = str(w.rng("ordinary").randint(1, 12))
            estate.change_ope(w, item.ope, moment, value_phases=[value])
            estate.reprice(w, item, moment, item.component, value)


def pending_checkout(w: World, account: Account, moment: int) -> None:
    """A purchase that waits for authentication: PENDING and HELD, then granted or gone."""
    if account.flagged or account.stripe["metadata"].get("lifting"):
        return
    if account.engine["account_type"] == "ad_hoc_contract":
        return
    rng = w.rng("ordinary")
    component = rng.choice([c for c in w.catalogue.sums if c != "static_addresses"])
    if any(o.row["component"] == component for o in account.opes):
        return
    sub = estate.add_sub(w, account, moment, "year", status="incomplete")
    item = estate.add_item(w, sub, moment, component, "1")
    ope = estate.add_ope(w, account, moment, component, ["1"], "PENDING:PENDING")
    bill = billing.Bill("subscription_create", "engine_checkout", billing.amount_of(item))
    invoice = billing.issue(w, account, sub, moment, bill)
    billing.intent(w, account, moment, bill.amount, "requires_action")
    w.event("invoice.payment_action_required", "invoice", invoice["id"], moment)
    estate.sync_access(w, account, moment)
    success = rng.random() < 0.7
    delay = rng.randrange(300, 22 * HOUR)
    w.at(moment + delay, lambda t: _settle(w, ope, sub, invoice, t, success))


def _settle(w: World, ope: Ope, sub: Sub, invoice: Row, moment: int, success: bool) -> None:
    account = ope.account
    if success and not account.flagged and sub.row["status"] == "incomplete":
        estate.license_ope(w, ope, sub.items[0], moment)
        estate.sub_updated(w, sub, moment, status="active")
        billing.pay(w, account, invoice, moment)
        schedule_renewal(w, sub)
    else:
        estate.change_ope(w, ope, moment, deleted_date=iso(moment))
        billing.void(w, account, invoice, moment)
        if sub.row["status"] == "incomplete":
            estate.sub_updated(w, sub, moment, status="incomplete_expired", ended_at=iso(moment))
    estate.sync_access(w, account, moment)


_CHANGES: tuple[tuple[Change, float], ...] = (
    (purchase, 0.0022),
    (upgrade, 0.0004),
    (schedule_change, 0.0006),
    (leave, 0.0002),
    (end_add_on, 0.0003),
    (change_quantity, 0.0004),
    (pending_checkout, 0.0002),
    (edits.edit_email, 0.0003),
    (edits.change_method, 0.0004),
    (edits.refresh_card, 0.0003),
    (edits.probation, 0.0001),
    (edits.withdraw, 0.0002),
    (edits.close, 0.00005),
)
