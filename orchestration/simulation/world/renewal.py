"""What the billing clock does: renewals, scheduled changes that fall due, dunning."""

from __future__ import annotations

from . import billing, estate
from .baddebt import enter
from .fixed_flows import uncollectible_on
from .state import Account, Ope, Sub, World
from .store import Row
from .times import DAY, HOUR, add_months, iso

_RETRIES = (3, 5, 7)
_END_OF_RETRIES = 14
FAILS = 0.14
_LINES = ((1, 90), (12, 7), (20, 2), (30, 1))


def schedule_renewal(w: World, sub: Sub) -> None:
    """Put the next renewal on the agenda."""
    end = sub.period_end
    w.at(end, lambda moment: renew(w, sub, moment, end))


def _due_changes(w: World, sub: Sub, moment: int) -> None:
    """Apply what waited for the end of the period."""
    for item in list(sub.items):
        ope = item.ope
        phases = ope.row["value_phases"] if ope else None
        if ope is None or not phases or len(phases) < 2 or ope.row["workflow_id"]:
            continue
        following = phases[1]
        if following in ("free", "-1"):
            end_ope(w, ope, moment)
        elif following:
            estate.change_ope(w, ope, moment, value_phases=[following])
            estate.reprice(w, item, moment, item.component, following)
            if ope.zone and item.component == "zone_plan":
                estate.set_level(w, sub.account, ope.zone, following, moment)
        _apply_sslc(w, ope, moment)


def _apply_sslc(w: World, ope: Ope, moment: int) -> None:
    for row in w.sslc.pop(ope.row["ope_id"], []):
        w.update(ope.account, "engine.subs_sslc", row, moment, applied_at=iso(moment))


def end_ope(w: World, ope: Ope, moment: int) -> None:
    """Cancel an OPE with its item, zone level and access (the last item cancels all)."""
    estate.change_ope(w, ope, moment, deleted_date=iso(moment))
    if ope.zone and ope.row["component"] == "zone_plan":
        estate.set_level(w, ope.account, ope.zone, "free", moment)
    item = ope.item
    if item is not None and item.row["id"] in w.items:
        if len(item.sub.items) > 1:
            estate.remove_item(w, item, moment)
        else:
            close_sub(w, item.sub, moment)
    estate.sync_access(w, ope.account, moment)


def close_sub(w: World, sub: Sub, moment: int) -> None:
    """Cancel a subscription in Stripe."""
    estate.sub_updated(
        w, sub, moment, status="canceled", canceled_at=iso(moment), ended_at=iso(moment)
    )


def renew(w: World, sub: Sub, moment: int, due: int) -> None:
    """The period ends: changes fall due, a new period starts, an invoice is issued."""
    if sub.period_end != due or sub.row["status"] in ("canceled", "incomplete_expired", "paused"):
        return
    _due_changes(w, sub, moment)
    if sub.row["status"] == "canceled":
        return
    sub.period_start = due
    sub.period_end = add_months(due, 1 if sub.interval == "month" else 12)
    for item in sub.items:
        w.update(
            sub.account,
            "stripe.subscription_items",
            item.row,
            moment,
            current_period_start=iso(sub.period_start),
            current_period_end=iso(sub.period_end),
        )
    schedule_renewal(w, sub)
    _renewal_invoice(w, sub, moment)


def _renewal_invoice(w: World, sub: Sub, moment: int) -> None:
    rng = w.rng("renewal")
    account = sub.account
    amount = sum(billing.amount_of(item) for item in sub.items)
    lines = rng.choices([n for n, _ in _LINES], [p for _, p in _LINES])[0]
    path = "engine_renewal" if sub.interval == "year" else "stripe_auto"
    bill = billing.Bill("subscription_cycle", path, amount, lines if lines > 1 else 0)
    invoice = billing.issue(w, account, sub, moment, bill)
    ordinary = not account.special and not account.flagged and sub.row["status"] == "active"
    if ordinary and rng.random() < FAILS:
        start_dunning(w, sub, invoice, moment)
    else:
        billing.pay(w, account, invoice, moment + 5)


def start_dunning(w: World, sub: Sub, invoice: Row, moment: int) -> None:
    """The renewal's payment failed: past due, access withdrawn, retries ahead."""
    rng = w.rng("dunning")
    account = sub.account
    billing.fail(w, account, invoice, moment + 5)
    estate.sub_updated(w, sub, moment + 5, status="past_due")
    estate.sync_access(w, account, moment + 5)
    sub.failing = True
    _dunning_row(w, account, moment + 5, 0, moment + _RETRIES[0] * DAY)
    end = moment // DAY * DAY + _END_OF_RETRIES * DAY + rng.randrange(HOUR, 23 * HOUR)
    room = w.planned.get(end // DAY, 0) < min(entry_room(w), uncollectible_on(w, end) - 8)
    lost = room and rng.random() < 0.75
    recovers = None if lost else rng.choice((*_RETRIES, _RETRIES[0]))
    for index, days in enumerate(_RETRIES):
        if recovers == days:
            w.at(moment + days * DAY, lambda t: _recover(w, sub, invoice, t))
            return
        w.at(moment + days * DAY, lambda t, n=index + 1: _retry(w, sub, invoice, t, n))  # type: ignore[misc]
    w.plan_uncollectible(end)
    w.at(end, lambda t: enter(w, account, [invoice], t))


def entry_room(w: World) -> int:
    """Most accounts a day that may end in bad debt."""
    return max(1, min(22, round(w.size * 0.0011)))


def _dunning_row(w: World, account: Account, moment: int, retries: int, then: int | None) -> None:
    if account.dunning is None:
        account.dunning = {
            "account_id": account.account_id,
            "retry_count": 0,
            "escalation_level": 0,
            "next_retry_at": None,
            "updated_at": iso(moment),
        }
        w.put(account, "engine.subs_dunning", account.dunning)
    w.update(
        account,
        "engine.subs_dunning",
        account.dunning,
        moment,
        retry_count=retries,
        escalation_level=min(retries, 3),
        next_retry_at=None if then is None else iso(then),
    )


def _retry(w: World, sub: Sub, invoice: Row, moment: int, count: int) -> None:
    if not sub.failing:
        return
    billing.fail(w, sub.account, invoice, moment)
    later = _RETRIES[count] if count < len(_RETRIES) else _END_OF_RETRIES
    _dunning_row(w, sub.account, moment, count, moment + (later - _RETRIES[count - 1]) * DAY)


def _recover(w: World, sub: Sub, invoice: Row, moment: int) -> None:
    if not sub.failing or sub.row["status"] != "past_due":
        return
    sub.failing = False
    billing.pay(w, sub.account, invoice, moment)
    estate.sub_updated(w, sub, moment, status="active")
    estate.sync_access(w, sub.account, moment)
    _dunning_row(w, sub.account, moment, 0, None)
