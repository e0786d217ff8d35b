"""Invoices, their lines and payments in Stripe, the platform's mirror and charges.

One function a step of an invoice's life; each changes every store at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from .state import Account, Item, Sub, World
from .store import Row
from .times import DAY, START, iso


@dataclass(frozen=True, slots=True)
class Bill:
    """What an invoice is about. `amount` in minor units; `lines`: how many line items."""

    reason: str
    finalized_by: str
    amount: int
    lines: int = 0
    metadata: tuple[tuple[str, str], ...] = ()


def amount_of(item: Item) -> int:
    """What a period of an item costs, whole minor units; usage as an estimate of its meter."""
    unit, quantity = item.row["unit_amount"], item.row["quantity"]
    if unit is None or quantity is None:
        return 700 + int(item.row["id"][-3:], 16)
    return int(unit) * int(quantity)


def issue(w: World, account: Account, sub: Sub | None, moment: int, bill: Bill) -> Row:
    """Create and finalize an invoice; it is open afterwards."""
    w.invoice_count += 1
    method = sub.row["collection_method"] if sub else "charge_automatically"
    row: Row = {
        "id": w.ids.new("in"),
        "number": f"PG-{w.invoice_count:08d}",
        "customer": account.stripe["id"],
        "subscription": sub.row["id"] if sub else None,
        "status": "open",
        "billing_reason": bill.reason,
        "collection_method": method,
        "currency": account.currency,
        "amount_due": bill.amount,
        "amount_paid": 0,
        "amount_remaining": bill.amount,
        "attempt_count": 0,
        "created": iso(moment),
        "due_date": iso(moment + 14 * DAY) if method == "send_invoice" else None,
        "finalized_at": iso(moment),
        "paid_at": None,
        "marked_uncollectible_at": None,
        "voided_at": None,
        "period_start": iso(sub.period_start if sub else moment),
        "period_end": iso(sub.period_end if sub else moment),
        "metadata": {
            "account_id": account.account_id,
            "finalized_by": bill.finalized_by,
            **dict(bill.metadata),
        },
    }
    w.put(account, "stripe.invoices", row)
    w.event("invoice.created", "invoice", row["id"], moment)
    w.event("invoice.finalized", "invoice", row["id"], moment)
    _lines(w, row, sub, bill)
    _mirror(w, account, row, moment)
    if sub is not None and bill.reason in ("subscription_cycle", "subscription_create"):
        w.update(account, "stripe.subscriptions", sub.row, moment, latest_invoice=row["id"])
        w.event("customer.subscription.updated", "subscription", sub.row["id"], moment)
    return row


def _lines(w: World, invoice: Row, sub: Sub | None, bill: Bill) -> None:
    items: list[Item | None] = [*sub.items] if sub and sub.items else [None]
    count = max(bill.lines, len(items))
    share, rest = divmod(bill.amount, count)
    for index in range(count):
        item = items[index % len(items)]
        row = {
            "id": w.ids.new("il"),
            "invoice": invoice["id"],
            "amount": share + (rest if index == 0 else 0),
            "currency": invoice["currency"],
            "quantity": 1 if item is None else item.row["quantity"],
            "price_id": item.row["price_id"] if item else None,
            "product_id": item.row["product_id"] if item else None,
            "unit_amount_decimal": item.row["unit_amount_decimal"] if item else None,
            "subscription": sub.row["id"] if sub and item else None,
            "subscription_item": item.row["id"] if item else None,
            "period_start": invoice["period_start"],
            "period_end": invoice["period_end"],
        }
        w.store.append("stripe.invoice_line_items", row)


def _mirror(w: World, account: Account, invoice: Row, moment: int) -> None:
    mirror = w.store.tables["billing.invoices"].get(invoice["id"])
    if mirror is None:
        mirror = {
            "invoice_id": invoice["id"],
            "account_id": account.account_id,
            "status": invoice["status"],
            "billing_reason": invoice["billing_reason"],
            "amount_due_minor": invoice["amount_due"],
            "amount_paid_minor": 0,
            "currency": invoice["currency"],
            "finalized_by": invoice["metadata"]["finalized_by"],
            "created_at": iso(moment),
            "updated_at": iso(moment),
        }
        w.put(account, "billing.invoices", mirror)
        return
    w.update(
        account,
        "billing.invoices",
        mirror,
        moment,
        status=invoice["status"],
        amount_paid_minor=invoice["amount_paid"],
    )


def _charge(w: World, account: Account, invoice: Row, moment: int, status: str) -> None:
    w.store.append(
        "billing.charges",
        {
            "charge_id": w.ids.new("chg"),
            "invoice_id": invoice["id"],
            "account_id": account.account_id,
            "amount_minor": invoice["amount_due"],
            "currency": invoice["currency"],
            "status": status,
            "method": account.method,
            "created_at": iso(moment),
            "updated_at": iso(moment),
        },
    )


def intent(w: World, account: Account, moment: int, amount: int, status: str) -> Row:
    """A payment intent that has reached `status`."""
    done = status == "succeeded"
    row = {
        "id": w.ids.new("pi"),
        "customer": account.stripe["id"],
        "payment_method": account.method_id,
        "status": status,
        "amount": amount,
        "amount_received": amount if done else 0,
        "currency": account.currency,
        "created": iso(moment),
        "canceled_at": iso(moment) if status == "canceled" else None,
        "metadata": {"account_id": account.account_id},
    }
    w.store.append("stripe.payment_intents", row)
    w.event("payment_intent.created", "payment_intent", row["id"], moment)
    kind = {
        "succeeded": "succeeded",
        "canceled": "canceled",
        "requires_action": "requires_action",
    }.get(status, "payment_failed")
    w.event(f"payment_intent.{kind}", "payment_intent", row["id"], moment)
    return row


def pay(w: World, account: Account, invoice: Row, moment: int) -> None:
    """A payment of the full amount; PayPal's are recorded out of band (no intent)."""
    amount = invoice["amount_due"]
    intent_id = None
    if amount and invoice["collection_method"] != "send_invoice":
        intent_id = intent(w, account, moment, amount, "succeeded")["id"]
    if amount:
        payment = {
            "id": w.ids.new("inpay"),
            "invoice": invoice["id"],
            "payment_intent": intent_id,
            "status": "paid",
            "amount_paid": amount,
            "amount_requested": amount,
            "currency": invoice["currency"],
            "is_default": True,
            "created": iso(moment),
            "paid_at": iso(moment),
            "canceled_at": None,
        }
        w.store.append("stripe.invoice_payments", payment)
        w.event("invoice_payment.paid", "invoice_payment", payment["id"], moment)
        _charge(w, account, invoice, moment, "succeeded")
        w.books.paid.setdefault(invoice["id"], moment)
        if invoice["subscription"]:
            w.books.paying_subs.setdefault(invoice["subscription"], moment)
    invoice.update(
        status="paid",
        amount_paid=amount,
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + 1,
        paid_at=iso(moment),
    )
    _invoice_changed(w, account, invoice, moment, "invoice.paid")


def fail(w: World, account: Account, invoice: Row, moment: int) -> None:
    """A payment attempt on an open invoice that failed."""
    invoice["attempt_count"] += 1
    if invoice["collection_method"] == "send_invoice":
        _invoice_changed(w, account, invoice, moment, "invoice.overdue")
        return
    if invoice["attempt_count"] == 1:
        intent(w, account, moment, invoice["amount_due"], "requires_payment_method")
        w.event("invoice.updated", "invoice", invoice["id"], moment)
    _charge(w, account, invoice, moment, "failed")
    _invoice_changed(w, account, invoice, moment, "invoice.payment_failed")


def mark_uncollectible(w: World, account: Account, invoice: Row, moment: int) -> None:
    """Retries are over."""
    invoice.update(status="uncollectible", marked_uncollectible_at=iso(moment))
    _invoice_changed(w, account, invoice, moment, "invoice.marked_uncollectible")
    if moment >= START:
        w.note_uncollectible(moment, invoice["billing_reason"])


def void(w: World, account: Account, invoice: Row, moment: int) -> None:
    """The invoice is cancelled before it is paid."""
    invoice.update(status="void", voided_at=iso(moment), amount_remaining=0)
    _invoice_changed(w, account, invoice, moment, "invoice.voided")


def _invoice_changed(w: World, account: Account, invoice: Row, moment: int, kind: str) -> None:
    w.update(account, "stripe.invoices", invoice, moment)
    w.event(kind, "invoice", invoice["id"], moment)
    _mirror(w, account, invoice, moment)
