"""The world in memory: accounts with what hangs on them, agenda, event feed.

Every change of a row that belongs to an account goes through `World.put`,
`World.update` or `World.delete`, so that the account is marked for the
evaluation at the end of the day.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .catalogue import Catalogue
from .ids import Ids
from .ledger import Ledger
from .store import Row, Store
from .times import DELIVERED, EVENTS_FROM, START, date_text, iso

BAD_DEBT = 32_768
"""Bit 15 of `subs_account.flags`."""

JUDGED = frozenset(
    {
        "engine.subs_account",
        "engine.subs_customer",
        "engine.subs_object_products_element",
        "core.zones",
        "core.entitlements",
        "stripe.customers",
        "stripe.subscriptions",
        "stripe.subscription_items",
    }
)
"""Tables that a detector reads: a change marks the account for the evaluation."""
Action = Callable[[int], None]


@dataclass(slots=True, eq=False)
class Ope:
    """One row of subs_object_products_element and where it hangs."""

    row: Row
    account: Account
    zone: Row | None
    item: Item | None = None


@dataclass(slots=True, eq=False)
class Item:
    """One Stripe subscription item."""

    row: Row
    sub: Sub
    component: str
    ope: Ope | None = None


@dataclass(slots=True, eq=False)
class Sub:
    """One Stripe subscription; `period_end` in epoch seconds."""

    row: Row
    account: Account
    interval: str
    period_start: int
    period_end: int
    items: list[Item] = field(default_factory=list)
    failing: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """One account over its stores. `special`: carries a planted fault, left alone otherwise."""

    account_id: str
    engine: Row
    customer: Row
    stripe: Row
    core: Row
    method: str
    method_id: str
    currency: str
    subs: list[Sub] = field(default_factory=list)
    opes: list[Ope] = field(default_factory=list)
    zones: list[Row] = field(default_factory=list)
    products: dict[str, str] = field(default_factory=dict)
    access: dict[str, Row] = field(default_factory=dict)
    override: dict[str, str | None] = field(default_factory=dict)
    special: bool = False
    debts: list[Row] = field(default_factory=list)
    dunning: Row | None = None

    @property
    def flagged(self) -> bool:
        return bool(self.engine["flags"] & BAD_DEBT)


@dataclass
class Books:
    """Bookkeeping of flows, from which the true metric values are counted."""

    uncollectible: list[tuple[str, str]] = field(default_factory=list)
    """(day, billing reason) of each invoice marked uncollectible."""
    rollbacks: list[str] = field(default_factory=list)
    green_zone: list[str] = field(default_factory=list)
    lags: dict[str, list[int]] = field(default_factory=dict)
    """Microseconds from receipt to delivery, by day of delivery."""
    escalations: list[int] = field(default_factory=list)
    """When each ticket that is not deleted was escalated."""
    tickets: dict[str, str] = field(default_factory=dict)
    ticket_patterns: dict[str, str] = field(default_factory=dict)
    """Pattern of each ticket that carries one."""
    consolidated: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """(invoice, account, originals) of each consolidated invoice."""
    paid: dict[str, int] = field(default_factory=dict)
    """When an invoice was first paid by an invoice payment."""
    paying_subs: dict[str, int] = field(default_factory=dict)
    """When a subscription first had an invoice paid with an amount above zero."""


class World:
    """Everything that exists at the moment the agenda has reached."""

    def __init__(self, accounts: int, seed: int, scenario: str) -> None:
        self.size, self.seed, self.scenario = accounts, seed, scenario
        self.store = Store()
        self.ids = Ids(seed)
        self.catalogue = Catalogue(self.store, self.ids)
        self.ledger = Ledger()
        self.books = Books()
        self.accounts: list[Account] = []
        self.holders: dict[str, list[Account]] = {}
        """Accounts by Stripe customer; more than one holder: merged."""
        self.second_rows: dict[str, Row] = {}
        """Accounts with a second subs_customer row."""
        self.items: dict[str, Item] = {}
        self.subs: dict[str, Sub] = {}
        self.named: dict[str, list[Ope]] = {}
        """OPEs by `license_source_id`."""
        self.marked: dict[str, Account] = {}
        self.in_debt: dict[str, Account] = {}
        """Accounts whose flag says bad debt."""
        self.in_lifting: dict[str, Row] = {}
        """Stripe customers whose metadata say lifting."""
        self.young: list[Sub] = []
        """Subscriptions, for as long as they may be new ones that nobody has paid."""
        self.planned: dict[int, int] = {}
        """Invoices that are already sure to become uncollectible, by day number."""
        self.day_events: list[tuple[str, str, int]] = []
        self.sslc: dict[str, list[Row]] = {}
        """Unapplied service-level changes by OPE."""
        self.lifting = 0
        self.invoice_count = 0
        self._agenda: list[tuple[int, int, Action]] = []
        self._sequence = 0
        self._random: dict[str, random.Random] = {}

    def rng(self, area: str) -> random.Random:
        """Random numbers of one area: changes in one area leave the others as they are."""
        if area not in self._random:
            self._random[area] = random.Random(f"{self.seed}:{area}")
        return self._random[area]

    def at(self, moment: int, action: Action) -> None:
        """Do `action(moment)` when the world gets there."""
        self._sequence += 1
        heapq.heappush(self._agenda, (moment, self._sequence, action))

    def run_until(self, end: int) -> None:
        """Do everything that is due before `end`, in order of time."""
        while self._agenda and self._agenda[0][0] < end:
            moment, _, action = heapq.heappop(self._agenda)
            action(moment)

    def put(self, owner: Account, table: str, row: Row) -> Row:
        """Insert a row that belongs to `owner`."""
        if table in JUDGED:
            self.marked[owner.account_id] = owner
        return self.store.put(table, row)

    def update(self, owner: Account, table: str, row: Row, moment: int, **changes: Any) -> None:
        """Change a row of `owner`; PostgreSQL rows get their `updated_at`."""
        row.update(changes)
        if "updated_at" in row:
            row["updated_at"] = iso(moment)
        if table in JUDGED:
            self.marked[owner.account_id] = owner
        self.store.changed(table, row)

    def delete(self, owner: Account, table: str, key: str) -> None:
        """Hard-delete a row of `owner`."""
        self.marked[owner.account_id] = owner
        self.store.delete(table, key)

    def event(self, kind: str, object_type: str, object_id: str, moment: int) -> None:
        """Emit a Stripe event about an object (those of before the world's start are gone)."""
        if moment < START:
            return
        event_id = self.ids.new("evt")
        self.day_events.append((event_id, kind, moment))
        if moment < EVENTS_FROM:
            return
        self.store.append(
            "stripe.events",
            {
                "id": event_id,
                "type": kind,
                "object_type": object_type,
                "object_id": object_id,
                "created": iso(moment),
            },
        )

    def merged(self, account: Account) -> bool:
        """True when account and Stripe customer are not one to one."""
        return account.account_id in self.second_rows or len(self.holders[account.stripe["id"]]) > 1

    def shipped(self, moment: int) -> bool:
        """True when the workstreams have been delivered at `moment`."""
        return self.scenario == "shipped" and moment >= DELIVERED

    def plan_uncollectible(self, moment: int) -> None:
        """Count an invoice that will be marked uncollectible at `moment`."""
        day = moment // 86_400
        self.planned[day] = self.planned.get(day, 0) + 1

    def note_uncollectible(self, moment: int, reason: str) -> None:
        """Book an invoice marked uncollectible."""
        self.books.uncollectible.append((date_text(moment), reason))
