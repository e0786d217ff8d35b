"""Stripe objects in the shape of 2024-06-20, the API version of the simulated account.

Events carry this shape whatever version the reader asks for, so that whoever uses an
event's body as data instead of reading the object again gets it wrong, as in production:
invoices say `payment_intent`, `paid`, `subscription`; lines `price` and `plan`; the
billing period stands on the subscription and not on its items.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestration.simulation import stripe_invoices as invoices
from orchestration.simulation import stripe_objects as objects
from orchestration.simulation import stripe_payments as payments
from orchestration.simulation.stripe_objects import Object, Row, epoch, page

API_VERSION = "2024-06-20"

_SINCE_THEN = {
    "customer": ("business_name", "customer_account", "individual_name"),
    "payment_method": ("customer_account",),
    "payment_intent": (
        "customer_account",
        "excluded_payment_method_types",
        "managed_payments",
    ),
    "subscription": ("billing_mode", "billing_schedules", "customer_account", "managed_payments"),
    "subscription_item": ("current_period_end", "current_period_start"),
    "invoice": ("amount_overpaid", "customer_account", "parent", "total_taxes"),
    "line_item": ("parent", "pricing", "quantity_decimal", "subtotal", "taxes"),
}


def _without(kind: str, body: Object) -> Object:
    """Take out of a freshly made body what came later."""
    for name in _SINCE_THEN[kind]:
        body.pop(name, None)
    return body


def customer(row: Row) -> Object:
    """A customer."""
    return _without("customer", objects.customer(row))


def payment_method(row: Row) -> Object:
    """A payment method."""
    return _without("payment_method", payments.payment_method(row))


def payment_intent(row: Row, invoice_id: str | None) -> Object:
    """A payment intent, which then still named its invoice."""
    return {**_without("payment_intent", payments.payment_intent(row)), "invoice": invoice_id}


def subscription(row: Row, items: Sequence[Row], has_more: bool) -> Object:
    """A subscription with the billing period of its items on itself."""
    body = objects.subscription(row, items, has_more)
    children = body["items"]["data"]
    first = children[0] if children else {}
    period = {name: first.get(name) for name in ("current_period_end", "current_period_start")}
    single = first if len(children) == 1 and not has_more else {}
    for child in children:
        _without("subscription_item", child)
    return {
        **_without("subscription", body),
        **period,
        "discount": None,
        "plan": single.get("plan"),
        "quantity": single.get("quantity"),
    }


def line_item(row: Row, item: Row | None) -> Object:
    """An invoice line with price and plan; `item` is the subscription item when it still exists."""
    unit = row["unit_amount_decimal"]
    priced = {
        "price_id": row["price_id"],
        "product_id": row["product_id"],
        "currency": row["currency"],
        "interval": item["interval"] if item else "month",
        "usage_type": item["usage_type"] if item else "licensed",
        "unit_amount": int(unit) if unit is not None and unit.isdigit() else None,
        "unit_amount_decimal": unit,
    }
    subscribed = row["subscription_item"] is not None
    return {
        **_without("line_item", invoices.line_item(row)),
        "amount_excluding_tax": row["amount"],
        "plan": objects.plan(priced) if subscribed else None,
        "price": objects.price(priced),
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": row["subscription"],
        "tax_amounts": [],
        "tax_rates": [],
        "type": "subscription" if subscribed else "invoiceitem",
        "unit_amount_excluding_tax": unit,
        **({"subscription_item": row["subscription_item"]} if subscribed else {}),
    }


def invoice(
    row: Row,
    customer_row: Row | None,
    lines: Sequence[tuple[Row, Row | None]],
    has_more: bool,
    payment_intent_id: str | None,
) -> Object:
    """An invoice; each line comes with its subscription item's row when that still exists."""
    body = invoices.invoice(row, customer_row, (), has_more=False)
    children = [line_item(line, item) for line, item in lines]
    details: Object | None = {"metadata": {}} if row["subscription"] else None
    return {
        **_without("invoice", body),
        "application_fee_amount": None,
        "charge": None,
        "discount": None,
        "lines": page(children, has_more, invoices.invoice_url(row["id"])),
        "paid": row["status"] == "paid",
        "paid_out_of_band": row["status"] == "paid" and payment_intent_id is None,
        "payment_intent": payment_intent_id,
        "quote": None,
        "subscription": row["subscription"],
        "subscription_details": details,
        "tax": None,
        "total_tax_amounts": [],
        "transfer_data": None,
    }


def event(row: Row, body: Any) -> Object:
    """An event about `body`, in the account's version."""
    data: Object = {"object": body}
    if row["type"].endswith(".updated"):
        data["previous_attributes"] = {}
    return {
        "id": row["id"],
        "object": "event",
        "api_version": API_VERSION,
        "created": epoch(row["created"]),
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": row["type"],
    }
