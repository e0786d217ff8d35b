"""A hand-made world of a few rows, written in the format of the generated ones.

Nothing of the world generator is used, so that the servers are held against data that
a reader can check by eye.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from orchestration.clock import iso
from orchestration.sources.contract import table

BASE = datetime(2026, 2, 22, tzinfo=UTC)
NEXT = datetime(2026, 2, 23, tzinfo=UTC)
REVOKED = datetime(2026, 3, 20, tzinfo=UTC)

Row = dict[str, Any]
Folder = dict[str, list[Row | str]]
"""Rows to upsert and keys (strings) to delete, by `<source>.<table>`."""


def at(days: float = 0, seconds: int = 0) -> str:
    """ISO time so long before the first boundary."""
    return iso(BASE - timedelta(days=days) + timedelta(seconds=seconds))


def customer(n: int, **changes: Any) -> Row:
    return {
        "id": f"cus_{n:014d}",
        "created": at(60, seconds=n // 2),  # two share each second
        "currency": "usd",
        "email": f"person{n}@example.com",
        "name": f"Person {n}",
        "phone": None,
        "country": "US",
        "delinquent": False,
        "metadata": {"account_id": f"acc_{n:08x}", "bad_debt": None},
        "deleted": False,
        **changes,
    }


def payment_method(n: int, **changes: Any) -> Row:
    return {
        "id": f"pm_{n:024d}",
        "customer": f"cus_{n:014d}",
        "type": "card",
        "created": at(59, seconds=n),
        "card_brand": "visa",
        "country": "US",
        **changes,
    }


def subscription(n: int, **changes: Any) -> Row:
    return {
        "id": f"sub_{n:024d}",
        "customer": f"cus_{n:014d}",
        "status": "active",
        "collection_method": "charge_automatically",
        "currency": "usd",
        "created": at(58, seconds=n),
        "canceled_at": None,
        "ended_at": None,
        "trial_end": None,
        "latest_invoice": f"in_{n:024d}",
        "metadata": {"subscription_type": "PAYGO", "account_id": f"acc_{n:08x}"},
        **changes,
    }


def item(n: int, sub: int, **changes: Any) -> Row:
    return {
        "id": f"si_{n:014d}",
        "subscription": f"sub_{sub:024d}",
        "price_id": "price_000000000000000000000001",
        "product_id": "prod_00000000000001",
        "unit_amount": 500,
        "unit_amount_decimal": "500",
        "currency": "usd",
        "interval": "month",
        "usage_type": "licensed",
        "quantity": 2,
        "metadata": {},
        "current_period_start": at(10),
        "current_period_end": at(-20),
        "created": at(58, seconds=n),
        **changes,
    }


def invoice(n: int, **changes: Any) -> Row:
    return {
        "id": f"in_{n:024d}",
        "number": f"SIM-{n:04d}",
        "customer": f"cus_{n:014d}",
        "subscription": f"sub_{n:024d}",
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "currency": "usd",
        "amount_due": 1000,
        "amount_paid": 1000,
        "amount_remaining": 0,
        "attempt_count": 1,
        "created": at(10, seconds=n),
        "due_date": None,
        "finalized_at": at(10, seconds=n + 5),
        "paid_at": at(10, seconds=n + 9),
        "marked_uncollectible_at": None,
        "voided_at": None,
        "period_start": at(40),
        "period_end": at(10),
        "metadata": {"account_id": f"acc_{n:08x}", "finalized_by": "stripe_auto"},
        **changes,
    }


def line(n: int, inv: int, **changes: Any) -> Row:
    return {
        "id": f"il_{n:024d}",
        "invoice": f"in_{inv:024d}",
        "amount": 1000,
        "currency": "usd",
        "quantity": 2,
        "price_id": "price_000000000000000000000001",
        "product_id": "prod_00000000000001",
        "unit_amount_decimal": "500",
        "subscription": f"sub_{inv:024d}",
        "subscription_item": f"si_{inv:014d}",
        "period_start": at(40),
        "period_end": at(10),
        **changes,
    }


def payment(n: int, **changes: Any) -> Row:
    return {
        "id": f"inpay_{n:024d}",
        "invoice": f"in_{n:024d}",
        "payment_intent": f"pi_{n:024d}",
        "status": "paid",
        "amount_paid": 1000,
        "amount_requested": 1000,
        "currency": "usd",
        "is_default": True,
        "created": at(10, seconds=n),
        "paid_at": at(10, seconds=n + 9),
        "canceled_at": None,
        **changes,
    }


def intent(n: int, **changes: Any) -> Row:
    return {
        "id": f"pi_{n:024d}",
        "customer": f"cus_{n:014d}",
        "payment_method": f"pm_{n:024d}",
        "status": "succeeded",
        "amount": 1000,
        "amount_received": 1000,
        "currency": "usd",
        "created": at(10, seconds=n),
        "canceled_at": None,
        "metadata": {},
        **changes,
    }


def event(n: int, kind: str, object_type: str, object_id: str, **changes: Any) -> Row:
    return {
        "id": f"evt_{n:024d}",
        "type": kind,
        "object_type": object_type,
        "object_id": object_id,
        "created": at(3, seconds=n),
        **changes,
    }


def issue(n: int, **changes: Any) -> Row:
    return {
        "id": str(10000 + n),
        "key": f"BILL-{n}",
        "project": "BILL",
        "issue_type": "Support Request",
        "status": "Open",
        "status_category": "new",
        "priority": "Medium",
        "summary": f"Ticket {n}",
        "description": 'He said "no".\nSecond line.\n\n\nNão foi possível – 請求書 ✓',
        "labels": ["a"],
        "components": ["Invoicing"],
        "reporter_role": "support",
        "escalated_at": at(2, seconds=n),
        "support_case_count": 3,
        "created": at(3, seconds=n),
        "updated": at(1, seconds=n),
        "resolved_at": None,
        **changes,
    }


def history(n: int, of_issue: int) -> Row:
    return {
        "id": str(90000 + n),
        "issue_id": str(10000 + of_issue),
        "author": "agent-1",
        "field": "status",
        "from_value": "New",
        "to_value": "Open",
        "created": at(2, seconds=n),
    }


_SAMPLES: dict[str, Any] = {"int64": 7, "bool": True, "numeric": "0.000123", "date": "2026-01-01"}


def postgres_row(stream: str, n: int, **changes: Any) -> Row:
    """A row with a value in every column of a contract table."""
    row: Row = {}
    for column in table(stream).columns:
        if column.type == "timestamp":
            row[column.name] = at(5, seconds=n)
        elif column.type == "string_array":
            row[column.name] = ['pro "x"', "{free,}", ""]
        else:
            row[column.name] = _SAMPLES.get(column.type, f"{column.name} {n}\t\\N\nü")
    row[table(stream).primary_key] = f"key_{n}"
    return {**row, **changes}


def _stripe_base() -> Folder:
    methods = ("card", "paypal", "sepa_debit", "link")
    statuses = ("active", "canceled", "past_due", "incomplete_expired", "trialing", "unpaid")
    return {
        "stripe.customers": [customer(n) for n in range(1, 26)],
        "stripe.payment_methods": [
            payment_method(n, type=t, card_brand="visa" if t == "card" else None)
            for n, t in enumerate(methods, start=1)
        ],
        "stripe.subscriptions": [
            subscription(n, status=statuses[n % 6], trial_end=at(-5) if n % 6 == 4 else None)
            for n in range(1, 13)
        ],
        "stripe.subscription_items": [
            *(item(n, n) for n in range(1, 13)),
            *(item(n, 1) for n in range(101, 113)),
            item(201, 2, usage_type="metered", quantity=None, unit_amount=None,
                 unit_amount_decimal="0.0125"),
        ],
        "stripe.invoices": [
            *(invoice(n) for n in range(1, 13)),
            invoice(13, subscription=None, billing_reason="manual", status="uncollectible",
                    amount_paid=0, amount_remaining=1000, paid_at=None,
                    marked_uncollectible_at=at(4), collection_method="send_invoice"),
        ],
        "stripe.invoice_line_items": [
            *(line(n, n) for n in range(1, 13)),
            *(line(n, 1) for n in range(101, 125)),
            line(13, 13, subscription=None, subscription_item=None, quantity=None),
        ],
        "stripe.invoice_payments": [
            *(payment(n) for n in range(1, 13)),
            payment(13, payment_intent=None, status="open", amount_paid=None, paid_at=None),
        ],
        "stripe.payment_intents": [
            *(intent(n) for n in range(1, 13)),
            intent(14, status="canceled", amount_received=0, canceled_at=at(9), customer=None,
                   payment_method=None),
        ],
        "stripe.events": [
            event(1, "invoice.paid", "invoice", f"in_{1:024d}"),
            event(2, "customer.updated", "customer", f"cus_{1:014d}"),
            event(3, "customer.subscription.updated", "subscription", f"sub_{1:024d}"),
            event(4, "payment_intent.succeeded", "payment_intent", f"pi_{1:024d}"),
            event(5, "invoice.created", "invoice", f"in_{13:024d}", created=at(29.5)),
            event(6, "invoice.created", "invoice", f"in_{2:024d}", created=at(31)),
        ],
    }  # fmt: skip


def base_folder() -> Folder:
    """The state at the first boundary."""
    return {
        **_stripe_base(),
        "engine.subs_account": [postgres_row("engine.subs_account", n) for n in range(5)],
        "engine.subs_object_products_element": [
            postgres_row("engine.subs_object_products_element", 1),
            postgres_row("engine.subs_object_products_element", 2, value_phases=[]),
            postgres_row("engine.subs_object_products_element", 3, value_phases=None),
        ],
        "engine.catalog_prices": [postgres_row("engine.catalog_prices", 1)],
        "engine.subs_stuck_events": [postgres_row("engine.subs_stuck_events", n) for n in (1, 2)],
        "core.zones": [postgres_row("core.zones", n) for n in range(3)],
        "billing.invoices": [postgres_row("billing.invoices", n) for n in range(2)],
        "jira.issues": [issue(n) for n in range(1, 8)],
        "jira.changelog_items": [history(1, 1), history(2, 1), history(3, 2)],
    }


def next_folder() -> Folder:
    """What changed by the second boundary."""
    return {
        "engine.subs_account": [postgres_row("engine.subs_account", 1, flags=32768)],
        "engine.subs_stuck_events": ["key_1"],
        "core.zones": [postgres_row("core.zones", 9), "key_0"],
        "stripe.customers": [customer(25, deleted=True), customer(26)],
        "stripe.subscription_items": [f"si_{112:014d}"],
        "stripe.payment_methods": [payment_method(2, type="paypal", customer=None)],
        "stripe.events": [
            event(7, "customer.deleted", "customer", f"cus_{25:014d}", created=at(-0.5))
        ],
        "jira.issues": [issue(1, summary="Changed", updated=at(-0.99)), "10007"],
    }


def write_world(path: Path, folders: list[tuple[datetime, Folder]]) -> Path:
    """Write a world directory."""
    for index, (boundary, tables) in enumerate(folders):
        folder = path / "changes" / f"{index:03d}-{boundary:%Y%m%dT%H%M%SZ}"
        folder.mkdir(parents=True)
        for name, rows in tables.items():
            lines = [
                {"op": "delete", "key": row}
                if isinstance(row, str)
                else {"op": "upsert", "row": row}
                for row in rows
            ]
            text = b"".join(orjson.dumps(entry) + b"\n" for entry in lines)
            (folder / f"{name}.jsonl").write_bytes(text)
    document = {"accounts": 25, "seed": 0, "stripe_key_revoked_at": iso(REVOKED)}
    (path / "world.json").write_bytes(orjson.dumps(document))
    return path
