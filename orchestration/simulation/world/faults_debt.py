"""Planted faults of debt: triple store, lifting, double charges, straddled midnights."""

from __future__ import annotations

from functools import partial

from . import baddebt, billing, estate
from .lifecycles import (
    SMALL_WORLD,
    SUSPENDED,
    Fault,
    copies,
    live,
    lives,
    moment_of,
    special,
    suspend,
)
from .renewal import close_sub
from .state import Account, World
from .store import Row
from .times import DAY, DELIVERED, HOUR, LAST_DAY_END, START, at, iso

COMBINATIONS = ("001", "010", "011", "100", "101", "110")
DOUBLE_CHARGED_SHARE = 1_277 / 4_000_000


def _set_parts(w: World, account: Account, moment: int, combination: str) -> None:
    flag, stamp, metadata = (part == "1" for part in combination)
    if account.flagged != flag:
        baddebt.set_flag(w, account, moment, flag)
    if (account.customer["bad_debt"] is not None) != stamp:
        baddebt.set_timestamp(w, account, moment, stamp)
    if (account.stripe["metadata"].get("bad_debt") == "true") != metadata:
        baddebt.set_metadata(w, account, moment, bad_debt="true" if metadata else None)


def inconsistent(w: World, account: Account, combination: str, right: str) -> Fault:
    """The three stores disagree; before and after they agree on `right`."""
    if right == "111":
        _set_parts(w, account, START - 30 * DAY, right)

    def make(moment: int) -> None:
        _set_parts(w, account, moment, combination)

    def mend(moment: int) -> None:
        _set_parts(w, account, moment, right)

    entity = account.account_id
    return Fault("triple_store", combination, account, lambda: entity, make, mend)


def plant_triple_store(w: World) -> None:
    """Every combination that disagrees, some lifted in between, some merged."""
    for _ in range(copies(w)):
        for number, combination in enumerate(COMBINATIONS):
            for index, windows in lives(w):
                right = "111" if combination.count("1") == 2 and index % 3 == 1 else "000"
                live(w, inconsistent(w, special(w), combination, right), windows)
            fault = inconsistent(w, special(w), combination, "000")
            live(w, fault, SUSPENDED)
            suspend(w, fault, ("merged", "second_row")[number % 2])
    _lifted_in_between(w)
    _straddled_midnights(w)


def _lifted_in_between(w: World) -> None:
    """Half unflagged while lifting is set: a transition, not a disagreement."""
    for index in range(5):
        account = special(w)
        _set_parts(w, account, START - 20 * DAY, "111")
        start = at(f"2026-03-{3 + 4 * index:02d}T16:00")

        def begin(moment: int, account: Account = account) -> None:
            baddebt.set_metadata(w, account, moment, lifting=iso(moment))
            baddebt.set_flag(w, account, moment + 60, False)

        def finish(moment: int, account: Account = account) -> None:
            baddebt.set_timestamp(w, account, moment, False)
            baddebt.set_metadata(w, account, moment, bad_debt=None, lifting=None)

        w.at(start, begin)
        w.at(start + 18 * HOUR, finish)


def _straddled_midnights(w: World) -> None:
    """Entries whose Stripe metadata follow after midnight: one day of disagreement."""
    for day in ("2026-02-10", "2026-02-23", "2026-03-01", "2026-03-07", "2026-03-15"):
        account = special(w)
        entered = at(f"{day}T23:51")
        followed = entered + 20 * 60
        w.plan_uncollectible(entered)
        w.at(entered - 14 * DAY, lambda t, a=account, m=entered: _owe(w, a, t, m))  # type: ignore[misc]
        w.at(
            followed,
            lambda t, a=account: baddebt.set_metadata(w, a, t, bad_debt="true"),  # type: ignore[misc]
        )
        fault = w.ledger.plant("triple_store", account.account_id, "110", entered)
        fault.ended = followed


def _owe(w: World, account: Account, moment: int, marked: int) -> None:
    bill = billing.Bill("subscription_cycle", "stripe_auto", 2500)
    invoice = billing.issue(w, account, None, moment, bill)
    billing.fail(w, account, invoice, moment + 5)
    w.at(marked, lambda t: baddebt.enter(w, account, [invoice], t, metadata_at=t + 1200))


def plant_lifting(w: World) -> None:
    """Accounts in lifting for more than 24 hours: the unflag never came, or came late."""
    for _ in range(copies(w)):
        for _, windows in lives(w):
            account = special(w)
            _set_parts(w, account, START - 40 * DAY, "111")
            for began, ended in windows:
                _stuck(w, account, moment_of(w, began), ended)


def _stuck(w: World, account: Account, start: int, ended: str | None) -> None:
    def begin(moment: int) -> None:
        _set_parts(w, account, moment, "111")
        baddebt.set_metadata(w, account, moment, lifting=iso(moment))

    def finish(moment: int) -> None:
        _set_parts(w, account, moment, "000")
        baddebt.set_metadata(w, account, moment, lifting=None)

    w.at(start, begin)
    fault = w.ledger.plant("lifting", account.stripe["id"], "stuck_in_lifting", start + DAY + 1)
    if ended is not None:
        fault.ended = moment_of(w, ended)
        w.at(fault.ended, finish)


def plant_double_charges(w: World) -> None:
    """Accounts that pay a consolidated invoice and one of its originals."""
    count = max(6, round(w.size * DOUBLE_CHARGED_SHARE))
    rng = w.rng("double")
    for index in range(count):
        if index < count // 3:
            consolidated = START - rng.randrange(3 * DAY, 60 * DAY)
        else:
            share = (index - count // 3 + rng.random()) / (count - count // 3)
            consolidated = START + 8 * DAY + int(share * 76 * DAY)
        consolidated = consolidated // DAY * DAY + rng.randrange(2 * HOUR, 20 * HOUR)
        again = consolidated + rng.randrange(DAY, 5 * DAY)
        if w.scenario == "shipped" and again >= DELIVERED - DAY:
            continue
        _double(w, consolidated, again if again < LAST_DAY_END - HOUR else consolidated + 3600)
    for day in ("2026-01-14", "2026-02-03", "2026-02-19", "2026-03-05", "2026-03-11"):
        _double(w, moment_of(w, day), None)


def _double(w: World, consolidated: int, again: int | None) -> None:
    """Two debts, one consolidated invoice, and a second payment of an original (or none)."""
    account = special(w)
    marked = consolidated - 6 * DAY
    debts: list[Row] = []
    for amount in (1900, 4300):
        bill = billing.Bill("subscription_cycle", "stripe_auto", amount)
        w.at(marked - 14 * DAY, partial(_debt, w, account, bill, debts))
        w.plan_uncollectible(marked)
    w.at(marked, lambda t: baddebt.enter(w, account, debts, t))
    w.at(consolidated, lambda t: baddebt.recover(w, account, t))
    if again is None:
        return
    w.at(again, lambda t: billing.pay(w, account, debts[0], t))
    first_end = max(again, consolidated + 60)
    w.ledger.plant("double_charge", account.account_id, "double_charged", first_end)


def _debt(w: World, account: Account, bill: billing.Bill, debts: list[Row], moment: int) -> None:
    debts.append(billing.issue(w, account, None, moment, bill))


def plant_zero_payments(w: World) -> None:
    """Active subscriptions priced above zero that nobody has paid a week after they began."""
    for _ in range(copies(w)):
        step = 4 if w.size < SMALL_WORLD else 2
        for index, day in enumerate(range(0, 56, step)):
            start = at("2026-01-20T00:00") + day * DAY + w.rng("zero").randrange(HOUR, DAY)
            late = 12 * DAY if index % 5 == 3 else None
            account = special(w)
            w.at(start, lambda t, a=account, i=index, p=late: _unpaid(w, a, t, i, p))  # type: ignore[misc]


def _unpaid(w: World, account: Account, moment: int, variant: int, paid_after: int | None) -> None:
    sub = estate.add_sub(w, account, moment, "year")
    estate.buy(w, sub, moment, "seats", "4")
    amount = 0 if variant % 3 == 1 else billing.amount_of(sub.items[0])
    bill = billing.Bill("subscription_create", "engine_checkout", amount)
    invoice = billing.issue(w, account, sub, moment, bill)
    if amount == 0:
        billing.pay(w, account, invoice, moment)
    estate.sync_access(w, account, moment)
    ended = moment + 30 * DAY + 1
    if paid_after is not None and amount:
        ended = moment + paid_after
        w.at(ended, lambda t: billing.pay(w, account, invoice, t))
    elif variant % 7 == 5:
        ended = moment + 15 * DAY
        w.at(ended, lambda t: _end(w, account, t))
    kind = "zero_payment_subscription"
    w.ledger.plant("zero_payment", sub.row["id"], kind, moment + 7 * DAY - 1).ended = ended


def _end(w: World, account: Account, moment: int) -> None:
    for sub in account.subs:
        close_sub(w, sub, moment)
        for item in sub.items:
            if item.ope is not None:
                estate.change_ope(w, item.ope, moment, deleted_date=iso(moment))
    estate.sync_access(w, account, moment)
