"""Plants every kind of fault, before the ordinary accounts are made."""

from __future__ import annotations

from functools import partial

from . import billing, estate, faults_access, faults_debt, faults_stripe, faults_zone, look_alikes
from .faults_stripe import base
from .lifecycles import special
from .state import Account, Sub, World
from .times import DAY, START, at, iso


def plant(w: World) -> None:
    """All faults that live on accounts of their own."""
    faults_stripe.plant(w)
    look_alikes.plant(w)
    faults_zone.plant(w)
    faults_debt.plant_triple_store(w)
    faults_debt.plant_lifting(w)
    faults_debt.plant_double_charges(w)
    faults_debt.plant_zero_payments(w)
    faults_access.plant(w)
    _long_invoices(w)
    _rare_events(w)


def _long_invoices(w: World) -> None:
    """Invoices of more lines than any page that is embedded in them; one has exactly 25."""
    for index, lines in enumerate((25, 11, 14, 18, 30)):
        account = special(w)
        moment = START + index * 9 * DAY + 36_000
        w.at(moment, partial(_long_invoice, w, account, lines))


def _long_invoice(w: World, account: Account, lines: int, moment: int) -> None:
    bill = billing.Bill("manual", "manual", 1_000 * lines, lines)
    invoice = billing.issue(w, account, None, moment, bill)
    billing.pay(w, account, invoice, moment + 60)


def _rare_events(w: World) -> None:
    """Events that a small world may never have: each comes at least once."""
    account = special(w)
    first = at("2026-03-02T09:00")
    for index, kind in enumerate(("updated", "automatically_updated")):
        w.at(
            first + index * DAY,
            partial(_touch_method, w, account, f"payment_method.{kind}"),
        )
    statuses = ("canceled", "requires_action")
    for index, status in enumerate(statuses):
        w.at(first + (2 + index) * DAY, partial(_intent, w, account, status))
    w.at(first + 4 * DAY, partial(_challenged, w, account))
    sub = base(w, special(w))
    sub.row["collection_method"] = "send_invoice"
    w.at(first - 12 * DAY, partial(_overdue, w, sub))


def _touch_method(w: World, account: Account, kind: str, moment: int) -> None:
    row = w.store.tables["stripe.payment_methods"][account.method_id]
    w.update(account, "stripe.payment_methods", row, moment, country="US")
    w.event(kind, "payment_method", row["id"], moment)


def _intent(w: World, account: Account, status: str, moment: int) -> None:
    billing.intent(w, account, moment, 1500, status)


def _challenged(w: World, account: Account, moment: int) -> None:
    """A trial whose end is announced, and an invoice that the bank wants confirmed."""
    sub = estate.add_sub(w, account, moment, "year", status="trialing")
    estate.buy(w, sub, moment, "seats", "1")
    sub.row["trial_end"] = iso(moment + 14 * DAY)
    estate.sync_access(w, account, moment)
    w.event("customer.subscription.trial_will_end", "subscription", sub.row["id"], moment + 60)
    bill = billing.Bill("subscription_create", "engine_checkout", 1500)
    invoice = billing.issue(w, account, sub, moment, bill)
    w.event("invoice.payment_action_required", "invoice", invoice["id"], moment + 60)
    billing.void(w, account, invoice, moment + 120)


def _overdue(w: World, sub: Sub, moment: int) -> None:
    """An invoice that is sent, becomes overdue and is paid out of band."""
    bill = billing.Bill("subscription_update", "engine_checkout", 3000)
    invoice = billing.issue(w, sub.account, sub, moment, bill)
    w.at(moment + 14 * DAY, lambda t: billing.fail(w, sub.account, invoice, t))
    w.at(moment + 16 * DAY, lambda t: billing.pay(w, sub.account, invoice, t))
