"""Small edits of ordinary accounts: addresses, payment methods, probation, leaving."""

from __future__ import annotations

from . import billing
from .baddebt import cancel_everything
from .state import Account, World
from .times import DAY, HOUR, iso


def edit_email(w: World, account: Account, moment: int) -> None:
    """New billing address in engine, facade and Stripe."""
    email = f"billing.{w.rng('ordinary').randrange(10**6)}@example.com"
    w.update(account, "engine.subs_account", account.engine, moment, billing_email=email)
    w.update(account, "core.accounts", account.core, moment, email=email)
    w.update(account, "stripe.customers", account.stripe, moment, email=email)
    w.event("customer.updated", "customer", account.stripe["id"], moment)


def change_method(w: World, account: Account, moment: int) -> None:
    """A new card; the old method is detached, which only a list shows."""
    methods = w.store.tables["stripe.payment_methods"]
    old = methods[account.method_id]
    if old["type"] == "paypal":
        return
    new = {**old, "id": w.ids.new("pm"), "type": "card", "created": iso(moment)}
    new["card_brand"] = new["card_brand"] or "visa"
    w.put(account, "stripe.payment_methods", new)
    w.event("payment_method.attached", "payment_method", new["id"], moment)
    w.delete(account, "stripe.payment_methods", old["id"])
    account.method_id, account.method = new["id"], "card"
    mandate = {
        "mandate_id": w.ids.new("man"),
        "account_id": account.account_id,
        "payment_method_id": new["id"],
        "status": "active",
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    w.put(account, "engine.subs_mandate", mandate)


def refresh_card(w: World, account: Account, moment: int) -> None:
    """The card network renews a card; Stripe updates the method."""
    row = w.store.tables["stripe.payment_methods"][account.method_id]
    if row["type"] == "card":
        w.update(account, "stripe.payment_methods", row, moment, card_brand="visa")
        kind = w.rng("ordinary").choice(("automatically_updated", "updated"))
        w.event(f"payment_method.{kind}", "payment_method", row["id"], moment)


def probation(w: World, account: Account, moment: int) -> None:
    """A product on probation for some days; the row is deleted afterwards."""
    rng = w.rng("ordinary")
    row = {
        "probation_id": w.ids.new("prb"),
        "account_id": account.account_id,
        "component": rng.choice(w.catalogue.usages),
        "reason": "payment risk",
        "started_at": iso(moment),
        "ended_at": None,
        "updated_at": iso(moment),
    }
    w.put(account, "engine.subs_product_probation", row)
    key = str(row["probation_id"])
    w.at(
        moment + rng.randrange(DAY, 12 * DAY),
        lambda _: w.delete(account, "engine.subs_product_probation", key),
    )


def close(w: World, account: Account, moment: int) -> None:
    """The account leaves for good: its Stripe customer is deleted."""
    if account.flagged or account.dunning or account.stripe["metadata"].get("lifting"):
        return
    cancel_everything(w, account, moment)
    account.special = True
    w.update(account, "stripe.customers", account.stripe, moment, deleted=True)
    w.event("customer.deleted", "customer", account.stripe["id"], moment)
    w.update(account, "core.accounts", account.core, moment, status="closed")


def late_edit(w: World, day_end: int) -> None:
    """An edit of the last minutes whose transaction commits after the boundary."""
    rng = w.rng("late")
    for account in rng.sample(w.accounts, min(len(w.accounts), 3)):
        key = account.account_id
        if account.special or w.store.is_changed("engine.subs_account", key):
            continue
        email = f"billing.{rng.randrange(10**6)}@example.com"
        moment = day_end - rng.randrange(2, 590)
        w.update(account, "engine.subs_account", account.engine, moment, billing_email=email)
        w.store.hold("engine.subs_account", key)


def withdraw(w: World, account: Account, moment: int) -> None:
    """A checkout is given up: the open invoice is voided, the intent cancelled."""
    bill = billing.Bill("manual", "manual", 900)
    invoice = billing.issue(w, account, None, moment, bill)
    billing.intent(w, account, moment, 900, "canceled")
    w.at(moment + HOUR, lambda t: billing.void(w, account, invoice, t))
