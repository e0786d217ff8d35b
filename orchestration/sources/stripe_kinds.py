"""What each Stripe list gives: its path, its events, and the streams its objects fill.

One object read fills several streams: a subscription brings its items, an invoice its
lines and payments, paged to the end. Nothing is landed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestration.sources.contract import table
from orchestration.sources.records import ContractMode, RecordBuilder
from orchestration.sources.stripe import Object, StripeSource, violation

Exploded = dict[str, list[Object]]
"""Objects by stream name."""

# Parts that an object need not have; everything else Stripe sends, as null when it is empty.
_CONDITIONAL = (
    # Keys of our own.
    "metadata",
    # The details of one type: of payment methods, of payments, of prices.
    "card",
    "payment.payment_intent",
    "pricing.price_details",
    # A metered item has none.
    "quantity",
    # A preview, such as that of an upcoming invoice, has no id yet.
    "data.object.id",
)


@dataclass(frozen=True)
class Kind:
    """One list endpoint. `children` maps a child stream to the column that names its parent."""

    name: str
    object_type: str
    streams: tuple[str, ...]
    list_params: Mapping[str, str] = field(default_factory=dict)
    retrieve_params: Mapping[str, str] = field(default_factory=dict)
    has_created: bool = True
    """Whether the list can be cut by `created`."""
    has_events: bool = True
    """Whether every change raises an event; without, the list is swept every time."""
    children: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Path of the list."""
        return f"/v1/{self.name}"

    @property
    def stream(self) -> str:
        """Stream of the objects themselves."""
        return f"stripe.{self.name}"


KINDS: tuple[Kind, ...] = (
    Kind("customers", "customer", ("stripe.customers",)),
    Kind(
        "subscriptions",
        "subscription",
        ("stripe.subscriptions", "stripe.subscription_items"),
        list_params={"status": "all"},
        children={"stripe.subscription_items": "subscription_id"},
    ),
    Kind(
        "invoices",
        "invoice",
        ("stripe.invoices", "stripe.invoice_line_items"),
        retrieve_params={"expand[]": "payments"},
        children={
            "stripe.invoice_line_items": "invoice_id",
            "stripe.invoice_payments": "invoice_id",
        },
    ),
    Kind("invoice_payments", "invoice_payment", ("stripe.invoice_payments",)),
    Kind("payment_intents", "payment_intent", ("stripe.payment_intents",)),
    # Detaching raises no event that can be relied on.
    Kind(
        "payment_methods",
        "payment_method",
        ("stripe.payment_methods",),
        has_created=False,
        has_events=False,
    ),
)

EVENTS = Kind("events", "event", ("stripe.events",))


def explode(source: StripeSource, kind: Kind, objects: Sequence[Object]) -> Exploded:
    """Sort objects and their children, read to the end, into the streams that they fill."""
    found: Exploded = {kind.stream: list(objects)}
    if kind.name == "subscriptions":
        found["stripe.subscription_items"] = [
            item
            for o in objects
            for item in source.children(
                o, "items", "/v1/subscription_items", {"subscription": o["id"]}
            )
        ]
    elif kind.name == "invoices":
        found["stripe.invoice_line_items"] = [
            {"invoice": o["id"], **line}
            for o in objects
            for line in source.children(o, "lines", f"/v1/invoices/{o['id']}/lines", {})
        ]
        # Only there when it was asked for: changed invoices are read with their payments, be
        # there none any more.
        if with_payments := [o for o in objects if "payments" in o]:
            found["stripe.invoice_payments"] = [
                p
                for o in with_payments
                for p in source.children(
                    o, "payments", "/v1/invoice_payments", {"invoice": o["id"]}
                )
            ]
    return found


def builders(hash_key: bytes, mode: ContractMode = "enforce") -> dict[str, RecordBuilder]:
    """Return the record builder of every Stripe stream."""
    return {
        stream: RecordBuilder(
            table(stream), hash_key, conditional=_CONDITIONAL, free_text="metadata", mode=mode
        )
        for kind in (*KINDS, EVENTS)
        for stream in kind.streams
    }


def object_of(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return (object type, id) of what an event is about; a preview's id is empty.

    Errors: ContractViolation when the event does not say what it is, or about what.
    """
    data = event.get("data")
    body = data.get("object") if isinstance(data, dict) else None
    if not isinstance(body, dict) or not isinstance(event.get("type"), str):
        lacks = "type" if isinstance(body, dict) else "data.object"
        raise violation(f"{EVENTS.stream}: no {lacks!r} in row {event.get('id')}")
    return str(body.get("object") or ""), str(body.get("id") or "")
