"""The lives that planted faults have, and the ways in which they become excluded.

A fault is a pair of actions (break, mend) on an account of its own. Its life is a
list of windows in which it is broken; its suspension is an exclusion that begins
while it is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import estate, opening
from .evaluate import triple_store
from .state import Account, Ope, World
from .store import Row
from .times import DAY, HOUR, START, at, iso

Window = tuple[str, str | None]

LIVES: tuple[tuple[Window, ...], ...] = (
    (("2026-01-20", None),),
    (("2026-02-10", None),),
    (("2026-02-05", "2026-03-04"),),
    (("2026-02-25", None),),
    (("2026-03-12", None),),
    (("2026-02-24", "2026-03-09"),),
    (("2026-02-26", "2026-03-02"), ("2026-03-14", None)),
    (("2026-03-19", None),),
    (("2026-03-20", "2026-03-23"),),
)
"""Before the window and open; before and mended; within and open; within and mended; reopened."""
_FEW = (1, 2, 3, 5, 6, 7)
SMALL_WORLD = 1_000
"""Below so many accounts each kind of fault has fewer lives (never fewer than five)."""
SUSPENDED: tuple[Window, ...] = (("2026-02-27", None),)
SUSPENDED_AT = "2026-03-08"
ALWAYS: tuple[Window, ...] = (("2026-02-12", "2026-03-17"),)
"""Life of an excluded look-alike."""


@dataclass(slots=True)
class Fault:
    """A fault that can be made and mended; `entity` may change when it is made again."""

    detector: str
    kind: str
    account: Account
    entity: Callable[[], str]
    make: Callable[[int], None]
    mend: Callable[[int], None]


def lives(w: World) -> list[tuple[int, tuple[Window, ...]]]:
    """The lives of each kind of fault, numbered."""
    chosen = _FEW if w.size < SMALL_WORLD else range(len(LIVES))
    return [(index, LIVES[index]) for index in chosen]


def moment_of(w: World, day: str) -> int:
    """A moment on a day, away from midnight."""
    return at(f"{day}T00:00") + w.rng("faults").randrange(HOUR, 22 * HOUR)


def live(w: World, fault: Fault, windows: tuple[Window, ...]) -> None:
    """Put the life of a fault on the agenda, and into the ledger when it happens."""
    for began, ended in windows:
        start = moment_of(w, began)
        end = None if ended is None else moment_of(w, ended)
        live_between(w, fault, start, end)


def live_between(w: World, fault: Fault, start: int, end: int | None) -> None:
    """As `live`, for one window given in epoch seconds."""

    def make(moment: int) -> None:
        fault.make(moment)
        w.ledger.plant(fault.detector, fault.entity(), fault.kind, moment).ended = end

    w.at(start, make)
    if end is not None:
        w.at(end, fault.mend)


def special(w: World, kind: str = "pay_go", currency: str = "usd") -> Account:
    """An account for one planted fault."""
    created = START - w.rng("faults").randrange(230 * DAY, 700 * DAY)
    return opening.open_account(w, created, kind, currency, special=True)


def set_type(w: World, account: Account, moment: int, kind: str, in_stripe: bool) -> None:
    """The account becomes one of an unsupported type."""
    if in_stripe:
        metadata = {**account.stripe["metadata"], "account_type": kind}
        w.update(account, "stripe.customers", account.stripe, moment, metadata=metadata)
        w.event("customer.updated", "customer", account.stripe["id"], moment)
    else:
        w.update(account, "engine.subs_account", account.engine, moment, account_type=kind)


def plan_merge(w: World, into: Account, moment: int) -> None:
    """At `moment` another account comes to share the Stripe customer of `into`."""
    other = special(w)
    w.at(moment, lambda t: _merge(w, other, into, t))


def _merge(w: World, other: Account, into: Account, moment: int) -> None:
    old = other.stripe
    w.update(
        other, "engine.subs_customer", other.customer, moment, stripe_customer_id=into.stripe["id"]
    )
    w.update(other, "stripe.customers", old, moment, deleted=True)
    w.event("customer.deleted", "customer", old["id"], moment)
    w.holders[into.stripe["id"]].append(other)
    w.holders[old["id"]].remove(other)
    other.stripe = into.stripe
    w.marked[into.account_id] = into
    # The customer's metadata now speaks of both accounts.
    for entity, kind, _ in triple_store(w, other, moment):
        w.ledger.plant("triple_store", entity, kind, moment)


def second_row(w: World, account: Account, moment: int) -> None:
    """The account gets a second subs_customer row: malformed, treated as merged."""
    row: Row = {
        **account.customer,
        "customer_row_id": w.ids.new("scu"),
        "stripe_customer_id": None,
        "written_by": "engine",
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    w.put(account, "engine.subs_customer", row)
    w.second_rows[account.account_id] = row


def set_workflow(w: World, ope: Ope, moment: int, on: bool) -> None:
    """A workflow takes the OPE, or lets it go."""
    estate.change_ope(w, ope, moment, workflow_id=w.ids.new("wf") if on else None)
    estate.sync_access(w, ope.account, moment)


def suspend(w: World, fault: Fault, how: str, ope: Ope | None = None) -> None:
    """Plan the moment at which a broken entity becomes excluded."""
    moment = moment_of(w, SUSPENDED_AT)
    account = fault.account
    if how == "type":
        in_stripe = fault.detector == "stripe"
        w.at(moment, lambda t: set_type(w, account, t, "enterprise", in_stripe))
    elif how == "merged":
        plan_merge(w, account, moment)
    elif how == "second_row":
        w.at(moment, lambda t: second_row(w, account, t))
    elif ope is not None:
        w.at(moment, lambda t: set_workflow(w, ope, t, True))
        w.at(moment + 7 * DAY, lambda t: set_workflow(w, ope, t, False))


def copies(w: World) -> int:
    """Sets of planted faults: one for every 20,000 accounts, never none."""
    return max(1, w.size // 20_000)
