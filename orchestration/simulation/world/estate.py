"""What an account has: zones, subscriptions, items, OPEs, access (its own rows: `opening`).

Creation and atomic change of single things. When they happen is decided elsewhere.
"""

from __future__ import annotations

from .expected import expected_access
from .state import Account, Item, Ope, Sub, World
from .store import Row
from .times import add_months, iso


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
        parent = account.products[object_id] = w.ids.new("op")
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
    w.young.append(sub)
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
