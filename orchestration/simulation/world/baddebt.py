"""Bad debt: entry (flag, ban and cancel as one unit), recovery, lifting, consolidation."""

from __future__ import annotations

from . import billing, estate
from .state import BAD_DEBT, Account, World
from .store import Row
from .times import DAY, HOUR, START, iso

PUBLISHED_SHARE = 73_517 / 4_000_000


def set_flag(w: World, account: Account, moment: int, on: bool) -> None:
    """Store 1: bit 15 of the flags."""
    flags = account.engine["flags"] | BAD_DEBT if on else account.engine["flags"] & ~BAD_DEBT
    w.update(account, "engine.subs_account", account.engine, moment, flags=flags)
    if on:
        w.in_debt[account.account_id] = account
    else:
        w.in_debt.pop(account.account_id, None)


def set_timestamp(w: World, account: Account, moment: int, on: bool) -> None:
    """Store 2: the customer's bad-debt timestamp."""
    value = iso(moment) if on else None
    w.update(account, "engine.subs_customer", account.customer, moment, bad_debt=value)


def set_metadata(w: World, account: Account, moment: int, **values: str | None) -> None:
    """Store 3: metadata of the Stripe customer; None removes a key."""
    metadata = dict(account.stripe["metadata"])
    for name, value in values.items():
        if value is None:
            metadata.pop(name, None)
        else:
            metadata[name] = value
    w.update(account, "stripe.customers", account.stripe, moment, metadata=metadata)
    if "lifting" in metadata:
        w.in_lifting[account.stripe["id"]] = account.stripe
    else:
        w.in_lifting.pop(account.stripe["id"], None)
    w.event("customer.updated", "customer", account.stripe["id"], moment)


def enter(
    w: World, account: Account, invoices: list[Row], moment: int, metadata_at: int | None = None
) -> None:
    """Retries are over: uncollectible, flagged, banned, subscriptions cancelled, access gone.

    `metadata_at`: when the Stripe metadata follows, if later (a planted inconsistency).
    """
    for invoice in invoices:
        if invoice["status"] == "open":
            billing.mark_uncollectible(w, account, invoice, moment)
            account.debts.append(invoice)
    set_flag(w, account, moment, True)
    set_timestamp(w, account, moment, True)
    if metadata_at is None:
        set_metadata(w, account, moment, bad_debt="true")
    w.update(account, "core.accounts", account.core, moment, status="banned")
    cancel_everything(w, account, moment)


def cancel_everything(w: World, account: Account, moment: int) -> None:
    """Cancel the account's subscriptions with their OPEs, zone levels and access."""
    for sub in account.subs:
        sub.failing = False
        if sub.row["status"] in ("canceled", "incomplete_expired"):
            continue
        estate.sub_updated(
            w, sub, moment, status="canceled", canceled_at=iso(moment), ended_at=iso(moment)
        )
        for item in sub.items:
            ope = item.ope
            if ope is None or ope.row["deleted_date"]:
                continue
            estate.change_ope(w, ope, moment, deleted_date=iso(moment))
            if ope.zone and item.component == "zone_plan":
                estate.set_level(w, account, ope.zone, "free", moment)
    estate.sync_access(w, account, moment)


def pay_debt(w: World, account: Account, moment: int) -> None:
    """The debt is paid, through one consolidated invoice when there are several."""
    owed = [d for d in account.debts if d["status"] == "uncollectible"]
    if len(owed) > 1:
        invoice = consolidate(w, account, owed, moment)
        invoice["metadata"]["bad_debt_paid"] = invoice["metadata"]["bad_debt_amount"]
        billing.pay(w, account, invoice, moment + 60)
    else:
        for invoice in owed:
            billing.pay(w, account, invoice, moment)
    account.debts.clear()


def consolidate(w: World, account: Account, owed: list[Row], moment: int) -> Row:
    """One invoice over several uncollectible ones, which stay as they are."""
    amount = sum(int(d["amount_due"]) for d in owed)
    originals = [d["id"] for d in owed]
    bill = billing.Bill(
        "manual",
        "bad_debt_consolidation",
        amount,
        len(owed),
        (("bad_debt_amount", str(amount)), ("bad_debt_invoices", ",".join(originals))),
    )
    invoice = billing.issue(w, account, None, moment, bill)
    w.books.consolidated.append((invoice["id"], account.account_id, originals))
    return invoice


def recover(w: World, account: Account, moment: int) -> None:
    """A payment lands: lifting is set, the flags go within the day."""
    if not account.flagged or "lifting" in account.stripe["metadata"]:
        return
    pay_debt(w, account, moment)
    set_metadata(w, account, moment, lifting=iso(moment))
    w.lifting += 1
    w.at(moment + w.rng("debt").randrange(HOUR, 20 * HOUR), lambda t: lift(w, account, t))


def lift(w: World, account: Account, moment: int) -> None:
    """Flag, timestamp, metadata and ban go as one unit."""
    w.lifting -= 1
    set_flag(w, account, moment, False)
    set_timestamp(w, account, moment, False)
    set_metadata(w, account, moment, bad_debt=None, lifting=None)
    w.update(account, "core.accounts", account.core, moment, status="active")


def start_stock(w: World) -> None:
    """Accounts that were in bad debt before the world starts."""
    rng = w.rng("debt")
    pool = [a for a in w.accounts if not a.special]
    for account in rng.sample(pool, stock_target(w)):
        since = START - rng.randrange(2 * DAY, 200 * DAY)
        debts = []
        for _ in range(rng.choices((1, 2, 3), (7, 2, 1))[0]):
            bill = billing.Bill("subscription_cycle", "stripe_auto", rng.randrange(500, 30000))
            debts.append(billing.issue(w, account, None, since - 14 * DAY, bill))
        enter(w, account, debts, since)


def stock_target(w: World) -> int:
    """Ordinary accounts in bad debt, so that all together keep the published share."""
    return max(6, round(w.size * PUBLISHED_SHARE) - len(w.in_debt))


def exits_of_the_day(w: World, day_start: int) -> None:
    """Let as many accounts recover as keep the stock near the published share."""
    rng = w.rng("debt")
    stock = len(w.in_debt) - w.lifting
    target = max(12, round(w.size * PUBLISHED_SHARE))
    spread = max(1, round(target * 0.004))
    leaving = stock - target + w.planned.get(day_start // DAY, 0) + rng.randint(-spread, spread)
    able = [
        a for a in w.in_debt.values() if not a.special and "lifting" not in a.stripe["metadata"]
    ]
    for account in rng.sample(able, max(0, min(leaving, len(able) - 3))):
        w.at(
            day_start + rng.randrange(600, DAY - 600),
            lambda t, a=account: recover(w, a, t),  # type: ignore[misc]
        )
