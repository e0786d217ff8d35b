"""What an account has: its rows in every store, zones, subscriptions, items, OPEs, access.

Creation and atomic change of single things. When they happen is decided elsewhere.
"""

from __future__ import annotations

import random

from .expected import expected_access
from .people import person
from .state import Account, Item, Ope, Sub, World
from .store import Row
from .times import add_months, iso

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


def add_zone(w: World, account: Account, created: int, level: str = "free") -> Row:
    """A zone in www."""
    row = {
        "zone_id": w.ids.new("zon"),
        "account_id": account.account_id,
        "name": f"site-{w.rng('accounts').randrange(10**6):06d}.example.com",
        "plan_level": level,
        "status": "active",
        "created_at": iso(created),
        "updated_at": iso(created),
    }
    account.zones.append(row)
    return w.put(account, "core.zones", row)


def set_level(w: World, account: Account, zone: Row, level: str, moment: int) -> None:
    """Change a zone's plan level in www."""
    w.update(account, "core.zones", zone, moment, plan_level=level)


def add_ope(
    w: World,
    account: Account,
    moment: int,
    component: str,
    phases: list[str],
    license_source: str | None,
    zone: Row | None = None,
) -> Ope:
    """An OPE under the zone's, or the account's, object product."""
    object_id = zone["zone_id"] if zone else account.account_id
    parent = account.products.get(object_id)
    if parent is None:
        parent = w.ids.new("op")
        account.products[object_id] = parent
        product = {
            "object_product_id": parent,
            "account_id": account.account_id,
            "object_type": "zone" if zone else "account",
            "object_id": object_id,
            "created_at": iso(moment),
            "updated_at": iso(moment),
        }
        w.put(account, "engine.subs_object_products", product)
    row = {
        "ope_id": w.ids.new("ope"),
        "object_product_id": parent,
        "component": component,
        "kind": w.catalogue.kinds.get(component, "enum"),
        "value_phases": phases,
        "license_source_id": license_source,
        "workflow_id": None,
        "deleted_date": None,
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    ope = Ope(w.put(account, "engine.subs_object_products_element", row), account, zone)
    account.opes.append(ope)
    if license_source:
        w.named.setdefault(license_source, []).append(ope)
    return ope


def change_ope(w: World, ope: Ope, moment: int, **changes: object) -> None:
    """Change an OPE; a new license source is indexed."""
    w.update(ope.account, "engine.subs_object_products_element", ope.row, moment, **changes)


def license_ope(w: World, ope: Ope, item: Item, moment: int) -> None:
    """Link an OPE to the item that bills it."""
    name = f"{item.sub.row['id']}:{item.row['id']}"
    old = ope.row["license_source_id"]
    if old in w.named:
        w.named[old].remove(ope)
    ope.item, item.ope = item, ope
    w.named.setdefault(name, []).append(ope)
    change_ope(w, ope, moment, license_source_id=name)


def add_sub(
    w: World,
    account: Account,
    created: int,
    interval: str,
    *,
    period_start: int | None = None,
    status: str = "active",
) -> Sub:
    """A Stripe subscription without items."""
    start = created if period_start is None else period_start
    legacy = w.rng("accounts").random() < 0.3
    marker = {"cf:sub:type": "paygo"} if legacy else {"subscription_type": "PAYGO"}
    row = {
        "id": w.ids.new("sub"),
        "customer": account.stripe["id"],
        "status": status,
        "collection_method": (
            "send_invoice" if account.method == "paypal" else "charge_automatically"
        ),
        "currency": account.currency,
        "created": iso(created),
        "canceled_at": None,
        "ended_at": None,
        "trial_end": None,
        "latest_invoice": None,
        "metadata": {**marker, "account_id": account.account_id},
    }
    sub = Sub(row, account, interval, start, add_months(start, 1 if interval == "month" else 12))
    account.subs.append(sub)
    w.subs[row["id"]] = sub
    w.put(account, "stripe.subscriptions", row)
    w.event("customer.subscription.created", "subscription", row["id"], created)
    return sub


def add_item(w: World, sub: Sub, created: int, component: str, value: str) -> Item:
    """A subscription item at the catalogue's price for component and value."""
    price = w.catalogue.price(component, value, sub.interval, sub.row["currency"])
    kind = w.catalogue.kinds[component]
    row = {
        "id": w.ids.new("si"),
        "subscription": sub.row["id"],
        "price_id": price.price_id,
        "product_id": price.product_id,
        "unit_amount": price.whole,
        "unit_amount_decimal": price.unit_amount,
        "currency": sub.row["currency"],
        "interval": sub.interval,
        "usage_type": "metered" if kind == "usage" else "licensed",
        "quantity": None if kind == "usage" else int(value) if kind == "sum" else 1,
        "metadata": {},
        "current_period_start": iso(sub.period_start),
        "current_period_end": iso(sub.period_end),
        "created": iso(created),
    }
    item = Item(row, sub, component)
    sub.items.append(item)
    w.items[row["id"]] = item
    w.put(sub.account, "stripe.subscription_items", row)
    return item


def sub_updated(w: World, sub: Sub, moment: int, **changes: object) -> None:
    """Change a subscription (or its items, without `changes`) and say so in the feed."""
    w.update(sub.account, "stripe.subscriptions", sub.row, moment, **changes)
    ended = changes.get("status") == "canceled"
    kind = "customer.subscription." + ("deleted" if ended else "updated")
    w.event(kind, "subscription", sub.row["id"], moment)


def remove_item(w: World, item: Item, moment: int) -> None:
    """Take an item off its subscription in Stripe."""
    item.sub.items.remove(item)
    del w.items[item.row["id"]]
    w.delete(item.sub.account, "stripe.subscription_items", item.row["id"])
    sub_updated(w, item.sub, moment)


def reprice(w: World, item: Item, moment: int, component: str, value: str) -> None:
    """Set an item to the catalogue's price and quantity for a value."""
    price = w.catalogue.price(component, value, item.sub.interval, item.sub.row["currency"])
    quantity = item.row["quantity"]
    if w.catalogue.kinds[component] == "sum":
        quantity = int(value)
    w.update(
        item.sub.account,
        "stripe.subscription_items",
        item.row,
        moment,
        price_id=price.price_id,
        unit_amount=price.whole,
        unit_amount_decimal=price.unit_amount,
        quantity=quantity,
    )
    sub_updated(w, item.sub, moment)


def buy(
    w: World, sub: Sub, moment: int, component: str, value: str, zone: Row | None = None
) -> Ope:
    """An item and the OPE that it bills, created together."""
    item = add_item(w, sub, moment, component, value)
    ope = add_ope(w, sub.account, moment, component, [value], None, zone)
    license_ope(w, ope, item, moment)
    return ope


def sync_access(w: World, account: Account, moment: int) -> None:
    """Bring the entitlements of an account to what billing expects (planted overrides apart)."""
    wanted: dict[str, str | None] = dict(expected_access(w, account))
    wanted.update(account.override)
    for service in [s for s in account.access if s not in wanted]:
        wanted[service] = None
    for service, state in wanted.items():
        row = account.access.get(service)
        if row is None:
            if state not in (None, "NONE"):
                _grant(w, account, service, str(state), moment)
        elif state is None and row["state"] == "NONE":
            continue
        elif state is None and service in account.override:
            del account.access[service]
            w.delete(account, "core.entitlements", row["entitlement_id"])
        elif row["state"] != (state or "NONE"):
            w.update(account, "core.entitlements", row, moment, state=state or "NONE")


def _grant(w: World, account: Account, service: str, state: str, moment: int) -> None:
    row = {
        "entitlement_id": w.ids.new("ent"),
        "account_id": account.account_id,
        "service": service,
        "state": state,
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    account.access[service] = row
    w.put(account, "core.entitlements", row)
