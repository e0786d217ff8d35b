"""The list endpoints of the simulated Stripe: paths, permissions, filters, what each leaves out.

Declarations only; `stripe_api` serves them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestration.simulation.stripe_objects import Row
from orchestration.simulation.stripe_query import Query

Filter = Callable[[Row, str], bool]

SUBSCRIPTION_STATUSES = (
    *("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due"),
    *("paused", "trialing", "unpaid"),
)


def _equals(column: str) -> Filter:
    return lambda row, value: bool(row[column] == value)


@dataclass(frozen=True)
class Endpoint:
    """A list endpoint: its path, what a key needs to read it, the filters that it has."""

    name: str
    kind: str
    permission: str
    filters: Mapping[str, Filter] = field(default_factory=dict)
    has_created: bool = True
    expandable: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        return f"/v1/{self.name}"


def is_listed(name: str, row: Row, query: Query) -> bool:
    """What a list leaves out although it exists."""
    if name == "customers":
        return not row["deleted"]
    if name == "payment_methods":
        return row["customer"] is not None
    if name == "subscriptions":
        status = query.plain.get("status")
        if status == "ended":
            return row["status"] in ("canceled", "incomplete_expired")
        if status is None:
            return bool(row["status"] != "canceled")
        return status == "all" or bool(row["status"] == status)
    if name == "events":
        types = query.lists.get("types")
        return types is None or row["type"] in types
    return True


def _event_type(row: Row, pattern: str) -> bool:
    if pattern.endswith("*"):
        return bool(row["type"].startswith(pattern[:-1]))
    return bool(row["type"] == pattern)


ENDPOINTS = (
    Endpoint("customers", "customer", "rak_customer_read", {"email": _equals("email")}),
    Endpoint(
        "payment_methods",
        "payment_method",
        "rak_payment_method_read",
        {"customer": _equals("customer"), "type": _equals("type")},
        has_created=False,
    ),
    Endpoint(
        "subscriptions",
        "subscription",
        "rak_subscription_read",
        {
            "customer": _equals("customer"),
            "collection_method": _equals("collection_method"),
            "status": lambda row, value: True,
        },
    ),
    Endpoint(
        "invoices",
        "invoice",
        "rak_invoice_read",
        {
            "customer": _equals("customer"),
            "subscription": _equals("subscription"),
            "status": _equals("status"),
            "collection_method": _equals("collection_method"),
        },
        expandable=frozenset({"payments"}),
    ),
    Endpoint(
        "invoice_payments",
        "invoice_payment",
        "rak_invoice_read",
        {"invoice": _equals("invoice"), "status": _equals("status")},
    ),
    Endpoint(
        "payment_intents",
        "payment_intent",
        "rak_payment_intent_read",
        {"customer": _equals("customer")},
    ),
    Endpoint("events", "event", "rak_event_read", {"type": _event_type}),
)

ITEMS = Endpoint("subscription_items", "subscription_item", "rak_subscription_read")
LINES = Endpoint("invoice_line_items", "line_item", "rak_invoice_read")
PROBE = Endpoint("account", "account", "rak_accounts_kyc_basic_read")
