"""Payment methods, payment intents and invoice payments in the shape of the pinned Stripe version.

Beside `stripe_objects`, whose rules apply: rows in, JSON-ready dicts out.
"""

from __future__ import annotations

from orchestration.simulation.stripe_objects import Object, Row, address, epoch, metadata


def _card(row: Row) -> Object:
    brand = row["card_brand"] or "unknown"
    return {
        "brand": brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": row["country"],
        "display_brand": brand,
        "exp_month": 8,
        "exp_year": 2030,
        "fingerprint": row["id"][-16:],
        "funding": "credit",
        "generated_from": None,
        "last4": "4242",
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _method_details(row: Row) -> Object:
    kind, mark = row["type"], row["id"][-8:]
    if kind == "card":
        return _card(row)
    if kind == "paypal":
        return {
            "country": row["country"],
            "payer_email": f"{mark}@example.com".lower(),
            "payer_id": mark.upper(),
        }
    if kind == "sepa_debit":
        return {
            "bank_code": "37040044",
            "branch_code": "",
            "country": row["country"],
            "fingerprint": row["id"][-16:],
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": "3000",
        }
    return {"email": f"{mark}@example.com".lower()}


def payment_method(row: Row) -> Object:
    """A payment method; the details stand under the key of its own type."""
    return {
        "id": row["id"],
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": address(row["country"]),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "created": epoch(row["created"]),
        "customer": row["customer"],
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": row["type"],
        row["type"]: _method_details(row),
    }


def invoice_payment(row: Row) -> Object:
    """A payment of an invoice; paid out of band it names no payment intent."""
    payment = (
        {"type": "payment_intent", "payment_intent": row["payment_intent"]}
        if row["payment_intent"]
        else {"type": "payment_record", "payment_record": f"pr_{row['id'][6:]}"}
    )
    return {
        "id": row["id"],
        "object": "invoice_payment",
        "amount_paid": row["amount_paid"],
        "amount_requested": row["amount_requested"],
        "created": epoch(row["created"]),
        "currency": row["currency"],
        "invoice": row["invoice"],
        "is_default": row["is_default"],
        "livemode": False,
        "payment": payment,
        "status": row["status"],
        "status_transitions": {
            "canceled_at": epoch(row["canceled_at"]),
            "paid_at": epoch(row["paid_at"]),
        },
    }


_PAYMENT_INTENT: Object = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "capture_method": "automatic",
    "confirmation_method": "automatic",
    "customer_account": None,
    "description": None,
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": False,
    "managed_payments": {"enabled": False},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}


def payment_intent(row: Row) -> Object:
    """A payment intent."""
    canceled = row["canceled_at"] is not None
    return {
        **_PAYMENT_INTENT,
        "id": row["id"],
        "amount": row["amount"],
        "amount_received": row["amount_received"],
        "canceled_at": epoch(row["canceled_at"]),
        "cancellation_reason": "automatic" if canceled else None,
        "client_secret": f"{row['id']}_secret_simulated",
        "created": epoch(row["created"]),
        "currency": row["currency"],
        "customer": row["customer"],
        "metadata": metadata(row),
        "payment_method": row["payment_method"],
        "status": row["status"],
    }
