"""Plants every kind of fault, before the ordinary accounts are made."""

from __future__ import annotations

from . import billing, faults_access, faults_debt, faults_stripe, faults_zone, look_alikes
from .lifecycles import special
from .state import World
from .times import START


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
    _long_invoice(w)


def _long_invoice(w: World) -> None:
    """One invoice of 25 lines: more than any page that is embedded in an invoice."""
    account = special(w)
    bill = billing.Bill("manual", "manual", 25_000, lines=25)
    invoice = billing.issue(w, account, None, START + 36_000, bill)
    billing.pay(w, account, invoice, START + 36_060)
