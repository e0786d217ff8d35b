"""Invoices and their lines in the shape of the pinned Stripe version.

Beside `stripe_objects` because invoices are the largest objects of all; the same rules apply.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.simulation.stripe_objects import (
    Object,
    Row,
    address,
    epoch,
    metadata,
    page,
)


def invoice_url(invoice_id: str) -> str:
    """Path of an invoice's lines."""
    return f"/v1/invoices/{invoice_id}/lines"


_LINE: Object = {
    "object": "line_item",
    "discount_amounts": [],
    "discountable": True,
    "discounts": [],
    "livemode": False,
    "metadata": {},
    "pretax_credit_amounts": [],
    "taxes": [],
}


def line_fields(row: Row) -> Object:
    """What the current and the older shape of an invoice line have in common."""
    quantity = row["quantity"]
    count = f"{quantity} × " if quantity is not None else ""
    return {
        "id": row["id"],
        "amount": row["amount"],
        "currency": row["currency"],
        "description": f"{count}{row['product_id']}",
        "invoice": row["invoice"],
        "period": {"end": epoch(row["period_end"]), "start": epoch(row["period_start"])},
        "quantity": quantity,
    }


def line_item(row: Row) -> Object:
    """An invoice line; where it comes from is under `parent`, its price under `pricing`."""
    return {
        **_LINE,
        **line_fields(row),
        "parent": _line_parent(row),
        "pricing": {
            "price_details": {"price": row["price_id"], "product": row["product_id"]},
            "type": "price_details",
            "unit_amount_decimal": row["unit_amount_decimal"],
        },
        "quantity_decimal": None if row["quantity"] is None else str(row["quantity"]),
        "subscription": row["subscription"],
        "subtotal": row["amount"],
    }


def _line_parent(row: Row) -> Object:
    if row["subscription_item"]:
        return {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": row["subscription"],
                "subscription_item": row["subscription_item"],
            },
            "type": "subscription_item_details",
        }
    return {
        "invoice_item_details": {
            "invoice_item": f"ii_{row['id'][3:]}",
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": row["subscription"],
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


_INVOICE: Object = {
    "object": "invoice",
    "account_country": "US",
    "account_name": "Simulated Platform",
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_shipping": 0,
    "application": None,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "automatically_finalizes_at": None,
    "custom_fields": None,
    "customer_account": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "footer": None,
    "from_invoice": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": False,
    "next_payment_attempt": None,
    "on_behalf_of": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "test_clock": None,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}


def invoice_fields(row: Row, customer: Row | None) -> Object:
    """What the current and the older shape of an invoice have in common."""
    finalized = epoch(row["finalized_at"])
    document = f"https://invoice.example.com/{row['id']}" if finalized is not None else None
    total = row["amount_due"]
    charges = row["collection_method"] == "charge_automatically"
    return {
        "id": row["id"],
        "amount_due": row["amount_due"],
        "amount_paid": row["amount_paid"],
        "amount_remaining": row["amount_remaining"],
        "attempt_count": row["attempt_count"],
        "attempted": row["attempt_count"] > 0,
        "auto_advance": charges and row["status"] in ("draft", "open"),
        "billing_reason": row["billing_reason"],
        "collection_method": row["collection_method"],
        "created": epoch(row["created"]),
        "currency": row["currency"],
        "customer": row["customer"],
        "customer_address": address(customer["country"]) if customer else None,
        "customer_email": customer["email"] if customer else None,
        "customer_name": customer["name"] if customer else None,
        "customer_phone": customer["phone"] if customer else None,
        "due_date": epoch(row["due_date"]),
        "effective_at": finalized,
        "ending_balance": None if finalized is None else 0,
        "hosted_invoice_url": document,
        "invoice_pdf": document and f"{document}.pdf",
        "metadata": metadata(row),
        "number": row["number"],
        "period_end": epoch(row["period_end"]),
        "period_start": epoch(row["period_start"]),
        "status": row["status"],
        "status_transitions": {
            "finalized_at": finalized,
            "marked_uncollectible_at": epoch(row["marked_uncollectible_at"]),
            "paid_at": epoch(row["paid_at"]),
            "voided_at": epoch(row["voided_at"]),
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
    }


def invoice(row: Row, customer: Row | None, lines: Sequence[Row], has_more: bool) -> Object:
    """An invoice with the first page of its lines; payments are a list of their own."""
    parent = None
    if row["subscription"]:
        parent = {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": row["subscription"]},
            "type": "subscription_details",
        }
    return {
        **_INVOICE,
        **invoice_fields(row, customer),
        "lines": page([line_item(line) for line in lines], has_more, invoice_url(row["id"])),
        "parent": parent,
    }
