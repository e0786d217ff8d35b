"""Opening of accounts: their rows in every store, customer and payment method."""

from __future__ import annotations

import random

from .people import person
from .state import Account, World
from .store import Row
from .times import iso

METHODS = (("card", 70), ("paypal", 10), ("sepa_debit", 10), ("link", 10))
_COUNTRIES = {"usd": ("US", "CA", "SG"), "eur": ("DE", "FR", "PT"), "gbp": ("GB",)}
_BRANDS = ("visa", "mastercard", "amex")


def _new_method(w: World, rng: random.Random, customer: str, created: int, country: str) -> Row:
    kind = rng.choices([m for m, _ in METHODS], [n for _, n in METHODS])[0]
    return {
        "id": w.ids.new("pm"),
        "customer": customer,
        "type": kind,
        "created": iso(created),
        "card_brand": rng.choice(_BRANDS) if kind == "card" else None,
        "country": country,
    }


def _stripe_customer(
    w: World, rng: random.Random, created: int, currency: str, account_id: str
) -> Row:
    name, email = person(rng)
    return {
        "id": w.ids.new("cus"),
        "created": iso(created),
        "currency": currency,
        "email": email,
        "name": name,
        "phone": f"+1555{rng.randrange(10**7):07d}",
        "country": rng.choice(_COUNTRIES[currency]),
        "delinquent": False,
        "metadata": {"account_id": account_id},
        "deleted": False,
    }


def _engine_rows(account_id: str, stripe: Row, kind: str, created: int) -> tuple[Row, Row]:
    moment = iso(created)
    engine = {
        "account_id": account_id,
        "account_type": kind,
        "flags": 1,
        "billing_email": stripe["email"],
        "billing_name": stripe["name"],
        "country": stripe["country"],
        "currency": stripe["currency"],
        "created_at": moment,
        "updated_at": moment,
    }
    core = {
        "account_id": account_id,
        "name": stripe["name"],
        "email": stripe["email"],
        "status": "active",
        "created_at": moment,
        "updated_at": moment,
    }
    return engine, core


def customer_row(w: World, account_id: str, stripe: Row, created: int, writer: str) -> Row:
    """A new subs_customer row that ties an account to a Stripe customer."""
    return {
        "customer_row_id": w.ids.new("scu"),
        "account_id": account_id,
        "stripe_customer_id": stripe["id"],
        "checkout_email": stripe["email"],
        "written_by": writer,
        "bad_debt": None,
        "created_at": iso(created),
        "updated_at": iso(created),
    }


def open_account(
    w: World, created: int, kind: str = "pay_go", currency: str | None = None, **flags: bool
) -> Account:
    """A new account in every store, without subscription."""
    rng = w.rng("accounts")
    account_id = w.ids.new("acc")
    currency = currency or rng.choices(("usd", "eur", "gbp"), (70, 20, 10))[0]
    stripe = _stripe_customer(w, rng, created, currency, account_id)
    engine, core = _engine_rows(account_id, stripe, kind, created)
    writer = "accounts" if rng.random() < 0.6 else "engine"
    customer = customer_row(w, account_id, stripe, created, writer)
    method = _new_method(w, rng, stripe["id"], created, stripe["country"])
    account = Account(
        account_id, engine, customer, stripe, core, method["type"], method["id"], currency
    )
    account.special = flags.get("special", False)
    for table, row in (
        ("engine.subs_account", engine),
        ("engine.subs_customer", customer),
        ("core.accounts", core),
        ("stripe.customers", stripe),
        ("stripe.payment_methods", method),
    ):
        w.put(account, table, row)
    w.event("customer.created", "customer", stripe["id"], created)
    w.event("payment_method.attached", "payment_method", method["id"], created)
    w.accounts.append(account)
    w.holders[stripe["id"]] = [account]
    return account
