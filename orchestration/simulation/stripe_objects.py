"""Stripe API objects in the shape of the pinned version, rendered from the world's compact rows.

Pure functions: rows in, JSON-ready dicts out; times are epoch seconds, money minor units,
decimals strings, as on the wire. Storage is in `stripe_store`, HTTP in `stripe_api`, and
the older shape that events carry in `stripe_legacy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

Row = dict[str, Any]
Object = dict[str, Any]

ACCOUNT_ID = "acct_1SimulatedPlatform"
EMBEDDED = 10
"""Children that a parent carries; the rest is on the child list."""

_EMPTY_ADDRESS = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}
_SELF = {"type": "self"}
_CATALOGUE_CREATED = 1704067200  # prices are older than the world: 2024-01-01


@lru_cache(maxsize=16_384)
def epoch(moment: str | None) -> int | None:
    """Whole seconds since 1970 of an ISO time; None stays None."""
    return None if moment is None else int(datetime.fromisoformat(moment).timestamp())


def metadata(row: Row) -> dict[str, str]:
    """Metadata as Stripe keeps it: strings only, keys without a value do not exist."""
    return {k: str(v) for k, v in (row["metadata"] or {}).items() if v is not None}


def address(country: str | None) -> Object:
    """An address of which only the country is known."""
    return {**_EMPTY_ADDRESS, "country": country}


def page(data: Sequence[Object], has_more: bool, url: str) -> Object:
    """A list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def deleted(kind: str, object_id: str) -> Object:
    """What is left of a deleted object when it is retrieved."""
    return {"id": object_id, "object": kind, "deleted": True}


_CUSTOMER: Object = {
    "object": "customer",
    "balance": 0,
    "business_name": None,
    "customer_account": None,
    "default_source": None,
    "description": None,
    "discount": None,
    "individual_name": None,
    "livemode": False,
    "next_invoice_sequence": 1,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
    "test_clock": None,
}


def customer(row: Row) -> Object:
    """A customer that is not deleted."""
    return {
        **_CUSTOMER,
        "id": row["id"],
        "address": address(row["country"]),
        "created": epoch(row["created"]),
        "currency": row["currency"],
        "delinquent": row["delinquent"],
        "email": row["email"],
        "invoice_prefix": row["id"][-7:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "metadata": metadata(row),
        "name": row["name"],
        "phone": row["phone"],
    }


_PRICE: Object = {
    "object": "price",
    "active": True,
    "billing_scheme": "per_unit",
    "created": _CATALOGUE_CREATED,
    "custom_unit_amount": None,
    "livemode": False,
    "lookup_key": None,
    "metadata": {},
    "nickname": None,
    "tax_behavior": "unspecified",
    "tiers_mode": None,
    "transform_quantity": None,
    "type": "recurring",
}


def meter(row: Row) -> str | None:
    """The meter behind a metered price."""
    return f"mtr_{row['product_id'][5:]}" if row["usage_type"] == "metered" else None


def price(row: Row) -> Object:
    """The price that a subscription item names."""
    return {
        **_PRICE,
        "id": row["price_id"],
        "currency": row["currency"],
        "product": row["product_id"],
        "recurring": {
            "interval": row["interval"],
            "interval_count": 1,
            "meter": meter(row),
            "trial_period_days": None,
            "usage_type": row["usage_type"],
        },
        "unit_amount": row["unit_amount"],
        "unit_amount_decimal": row["unit_amount_decimal"],
    }


_PLAN: Object = {
    "object": "plan",
    "active": True,
    "billing_scheme": "per_unit",
    "created": _CATALOGUE_CREATED,
    "interval_count": 1,
    "livemode": False,
    "metadata": {},
    "nickname": None,
    "tiers_mode": None,
    "transform_usage": None,
    "trial_period_days": None,
}


def plan(row: Row) -> Object:
    """The same price in the form of the older plan object, which items still carry."""
    return {
        **_PLAN,
        "id": row["price_id"],
        "amount": row["unit_amount"],
        "amount_decimal": row["unit_amount_decimal"],
        "currency": row["currency"],
        "interval": row["interval"],
        "meter": meter(row),
        "product": row["product_id"],
        "usage_type": row["usage_type"],
    }


def subscription_item(row: Row) -> Object:
    """A subscription item; metered ones have no quantity."""
    item: Object = {
        "id": row["id"],
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": epoch(row["created"]),
        "current_period_end": epoch(row["current_period_end"]),
        "current_period_start": epoch(row["current_period_start"]),
        "discounts": [],
        "metadata": metadata(row),
        "plan": plan(row),
        "price": price(row),
        "subscription": row["subscription"],
        "tax_rates": [],
    }
    if row["quantity"] is not None:
        item["quantity"] = row["quantity"]
    return item


_SUBSCRIPTION: Object = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": None, "type": "classic"},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "customer_account": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": _SELF,
    },
    "livemode": False,
    "managed_payments": {"enabled": False},
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "test_clock": None,
    "transfer_data": None,
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
}


def subscription_fields(row: Row) -> Object:
    """What the current and the older shape of a subscription have in common."""
    created, trial_end = epoch(row["created"]), epoch(row["trial_end"])
    sends = row["collection_method"] == "send_invoice"
    return {
        "id": row["id"],
        "billing_cycle_anchor": created,
        "canceled_at": epoch(row["canceled_at"]),
        "collection_method": row["collection_method"],
        "created": created,
        "currency": row["currency"],
        "customer": row["customer"],
        "days_until_due": 30 if sends else None,
        "ended_at": epoch(row["ended_at"]),
        "latest_invoice": row["latest_invoice"],
        "metadata": metadata(row),
        "start_date": created,
        "status": row["status"],
        "trial_end": trial_end,
        "trial_start": created if trial_end is not None else None,
    }


def subscription(row: Row, items: Sequence[Row], has_more: bool) -> Object:
    """A subscription with the first page of its items."""
    url = f"/v1/subscription_items?subscription={row['id']}"
    return {
        **_SUBSCRIPTION,
        **subscription_fields(row),
        "items": page([subscription_item(i) for i in items], has_more, url),
    }
