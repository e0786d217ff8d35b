"""The ordinary accounts as they stand when the world starts. No planted faults here."""

from __future__ import annotations

import random

from . import billing, estate, opening
from .catalogue import WITHOUT_PRICE
from .renewal import FAILS, schedule_renewal, start_dunning
from .state import Account, Sub, World
from .store import Row
from .times import DAY, START, add_months, date_text

TYPES = (
    ("pay_go", 9300),
    ("startup", 250),
    ("ad_hoc_contract", 100),
    ("election", 20),
    ("employee", 60),
    ("intern", 20),
    ("partners_basic", 60),
    ("partners_ent", 30),
    ("partners_pay_go", 30),
    ("msp", 40),
    ("enterprise", 50),
    ("partner_g", 10),
    ("partner_i", 10),
    ("partner_j", 10),
    ("partner_p", 5),
    ("partner_s", 5),
)
_GRANTS = (("ADMIN:goodwill", 3), ("USER:trial", 2), ("CONTRACT:CONTRACT", 2))


def populate(w: World, count: int) -> None:
    """Create `count` ordinary accounts with zones, subscriptions, OPEs and entitlements."""
    rng = w.rng("population")
    names, weights = [t for t, _ in TYPES], [n for _, n in TYPES]
    for kind in rng.choices(names, weights, k=count):
        created = START - rng.randrange(3 * DAY, 900 * DAY)
        account = opening.open_account(w, created, kind)
        if rng.random() < 0.05:
            account.stripe["metadata"]["account_type"] = kind
        furnish(w, rng, account, created)


def furnish(w: World, rng: random.Random, account: Account, created: int) -> None:
    """Give an account what accounts of its kind have."""
    zones = [
        estate.add_zone(w, account, created) for _ in range(rng.choices((0, 1, 2), (4, 5, 1))[0])
    ]
    if account.engine["account_type"] == "ad_hoc_contract":
        _contract(w, account, created, zones)
    elif zones and rng.random() < 0.55:
        yearly(w, rng, account, zones, _past_period(rng, 365))
    if rng.random() < 0.28:
        monthly(w, rng, account, _past_period(rng, 30))
    for zone in zones:
        if zone["plan_level"] == "free" and rng.random() < 0.3:
            estate.add_ope(w, account, created, "zone_plan", ["free"], "USER:signup", zone)
    if rng.random() < 0.03:
        source = rng.choices([g for g, _ in _GRANTS], [n for _, n in _GRANTS])[0]
        component = rng.choice(w.catalogue.sums)
        estate.add_ope(w, account, created, component, [str(rng.randint(1, 9))], source)
    estate.sync_access(w, account, created)


def _past_period(rng: random.Random, days: int) -> int:
    """Start of a period that began up to `days` ago, never in the last minutes of a day.

    Days after the 28th are left out: every month has the others.
    """
    while True:
        day = START - rng.randint(1, days) * DAY
        if int(date_text(day)[8:]) <= 28:
            return day + rng.randrange(600, DAY - 600)


def _contract(w: World, account: Account, created: int, zones: list[Row]) -> None:
    source = "CONTRACT:CONTRACT"
    for zone in zones:
        estate.add_ope(w, account, created, "zone_plan", ["ent"], source, zone)
        zone["plan_level"] = "ent"
    estate.add_ope(w, account, created, "seats", ["50"], source)


def yearly(w: World, rng: random.Random, account: Account, zones: list[Row], start: int) -> Sub:
    """A yearly subscription: a plan for each zone and now and then an add-on."""
    sub = estate.add_sub(w, account, start, "year", period_start=start)
    for zone in zones[: 1 + (rng.random() < 0.7)]:
        level = rng.choices(("pro", "biz", "ent"), (70, 25, 5))[0]
        estate.buy(w, sub, start, "zone_plan", level, zone)
        zone["plan_level"] = level
    if rng.random() < 0.3:
        estate.buy(w, sub, start, add_on(w, rng, account), str(rng.randint(1, 9)))
    _first_invoice(w, sub, start)
    return sub


def add_on(w: World, rng: random.Random, account: Account) -> str:
    """A counted component; seldom the one without a price."""
    component = rng.choice(w.catalogue.sums)
    if (component, account.currency) == WITHOUT_PRICE and rng.random() < 0.5:
        return "seats"
    return component


def monthly(w: World, rng: random.Random, account: Account, start: int) -> Sub:
    """A monthly subscription of one or two usage components."""
    created = start if rng.random() < 0.3 else add_months(start, -rng.randint(1, 24))
    sub = estate.add_sub(w, account, created, "month", period_start=start)
    for component in rng.sample(w.catalogue.usages, rng.choices((1, 2), (65, 35))[0]):
        estate.buy(w, sub, created, component, "metered")
    _first_invoice(w, sub, start)
    return sub


def _first_invoice(w: World, sub: Sub, start: int) -> None:
    amount = sum(billing.amount_of(item) for item in sub.items)
    bill = billing.Bill("subscription_cycle", "stripe_auto", amount)
    invoice = billing.issue(w, sub.account, sub, start, bill)
    recent = start > START - 13 * DAY and not sub.account.special
    if recent and w.rng("renewal").random() < FAILS:
        start_dunning(w, sub, invoice, start)
    else:
        billing.pay(w, sub.account, invoice, start + 5)
    schedule_renewal(w, sub)
