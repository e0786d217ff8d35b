"""Daily flows that keep the published level at any size of the world."""

from __future__ import annotations

from . import billing, estate
from .state import Account, Sub, World
from .store import Row
from .times import DAY, HOUR, KEY_REVOKED, LAST_DAY_END, START, at, date_text, iso, iso_micro

_LEAD_DAYS = 7
_W02 = at("2026-01-05T00:00")
_FINAL_DAYS = 3
_PHASES = ("gather", "validate", "plan", "sync_save")
_PATHS = ("on_session_create", "on_session_update", "off_session_create", "off_session_update")
_STEPS = ("intent", "validate", "payment_intent", "confirm", "commit", "reconcile")


def _wave(day: int, swing: int) -> int:
    """A small up and down of period seven whose sum over a week is zero."""
    return (0, 1, -1, 2, -2, 1, -1)[day % 7] * swing


def _level(moment: int, first: int, last: int, swing: int) -> int:
    """`first` as the mean of W01, falling in a line to `last` on the last three days."""
    day, w02 = moment // DAY, _W02 // DAY
    final = LAST_DAY_END // DAY - _FINAL_DAYS
    if day >= final:
        return last
    if day < w02:
        return first + _wave(day, swing)
    share = (day - w02 + 1) / (final - w02 + 1)
    return round(first + (last - first) * share) + _wave(day, swing)


def uncollectible_on(w: World, moment: int) -> int:
    """Invoices to be marked uncollectible on the day of `moment`: 48 a day down to 35."""
    if w.shipped(moment):
        return 22 + _wave(moment // DAY, 1)
    return _level(moment, 48, 35, 1)


def rollbacks_on(w: World, moment: int) -> int:
    """Checkout rollbacks on the day of `moment`: 196 a day down to 12."""
    if w.shipped(moment):
        return 0
    return _level(moment, 196, 12, 3)


def _payer(w: World) -> Sub:
    """An active subscription of an ordinary account in good standing, drawn at random."""
    rng = w.rng("write-offs")
    while True:
        account = rng.choice(w.accounts)
        if account.special or account.flagged:
            continue
        paying = [s for s in account.subs if s.row["status"] == "active"]
        if paying:
            return rng.choice(paying)


def first_fillers(w: World) -> None:
    """Write-offs of the first days, whose invoices are older than the world."""
    for day in range(_LEAD_DAYS):
        fill(w, START + (day - _LEAD_DAYS) * DAY)


def fill(w: World, day_start: int) -> None:
    """Issue the invoices that bring the day a week later to its level of uncollectible ones.

    They are written off without a flag: failed upgrades and activations are never
    valid debt, and small usage invoices stay below what is flagged.
    """
    rng = w.rng("write-offs")
    target = day_start + _LEAD_DAYS * DAY
    missing = uncollectible_on(w, target) - w.planned.get(target // DAY, 0)
    upgrades = 0 if w.shipped(target) else (6 if target < at("2026-02-01T00:00") else 4)
    for index in range(missing):
        sub = _payer(w)
        created = day_start + rng.randrange(600, DAY - 600)
        marked = target + rng.randrange(600, DAY - 600)
        reason = "subscription_cycle"
        if index < upgrades:
            reason = "subscription_update"
        elif index < upgrades + 4:
            reason = "subscription_create"
        elif index == upgrades + 4:
            reason = "manual"
        w.at(created, lambda t, s=sub, r=reason, m=marked: _write_off(w, s, r, t, m))  # type: ignore[misc]


def _write_off(w: World, sub: Sub, reason: str, moment: int, marked: int) -> None:
    rng = w.rng("write-offs")
    account = sub.account
    path = {"manual": "manual", "subscription_cycle": "stripe_auto"}.get(reason, "engine_checkout")
    bill = billing.Bill(reason, path, rng.randrange(100, 5000))
    latest = sub.row["latest_invoice"]
    if reason == "subscription_create":
        invoice = _failed_activation(w, account, moment, bill)
    else:
        invoice = billing.issue(w, account, sub if reason != "manual" else None, moment, bill)
        sub.row["latest_invoice"] = latest
    billing.fail(w, account, invoice, moment + 5)
    w.at(marked, lambda t: billing.mark_uncollectible(w, account, invoice, t))


def _failed_activation(w: World, account: Account, moment: int, bill: billing.Bill) -> Row:
    """A subscription that never got beyond its first payment; no OPE was saved."""
    sub = estate.add_sub(w, account, moment, "month", status="incomplete")
    item = estate.add_item(w, sub, moment, w.rng("write-offs").choice(w.catalogue.sums), "1")
    item.row["quantity"] = 1
    invoice = billing.issue(w, account, sub, moment, bill)
    expires = moment + 23 * HOUR
    w.at(
        expires,
        lambda t: estate.sub_updated(w, sub, t, status="incomplete_expired", ended_at=iso(t)),
    )
    return invoice


def mutations_of_the_day(w: World, day_start: int) -> None:
    """Runs of changes_calculator: rolled-back checkouts and the ordinary ones."""
    rng = w.rng("mutations")
    rolled_back = rollbacks_on(w, day_start)
    ordinary = max(20, round(w.size * 0.006))
    for index in range(rolled_back + ordinary):
        moment = day_start + rng.randrange(60, DAY - 700)
        account = rng.choice(w.accounts)
        if index < rolled_back:
            mutation(w, account, moment, "checkout", "rolled_back", None)
            continue
        entry = rng.choice(("checkout", "renewal", "webhook", "support", "downgrade"))
        failed = entry != "checkout" and rng.random() < 0.02
        written = None if failed else 900_000
        mutation(w, account, moment, entry, "rolled_back" if failed else "saved", written)
        if entry in ("checkout", "renewal"):
            attempt(w, account, moment, failed)


def mutation(
    w: World, account: Account, moment: int, entry: str, outcome: str, written: int | None
) -> str:
    """One run; `written` in microseconds after its start. Some commit late."""
    rng = w.rng("mutations")
    start = moment * 1_000_000 + rng.randrange(1_000_000)
    finished = start + rng.randrange(1_000_000, 4_000_000)
    phase = "sync_save" if outcome == "saved" else rng.choice(_PHASES[1:])
    row = {
        "mutation_id": w.ids.new("mut"),
        "account_id": account.account_id,
        "entry_point": entry,
        "last_phase": phase,
        "outcome": outcome,
        "started_at": iso_micro(start),
        "written_at": None if written is None else iso_micro(start + written),
        "finished_at": iso_micro(finished),
        "updated_at": iso_micro(finished),
    }
    w.store.append("engine.subs_mutations", row)
    if entry == "checkout" and outcome == "rolled_back":
        w.books.rollbacks.append(date_text(moment))
    return str(row["mutation_id"])


def late_mutation(w: World, day_end: int) -> None:
    """A run that finished before the boundary and whose transaction commits after it."""
    rng = w.rng("late")
    finished = day_end * 1_000_000 - rng.randrange(2_000_000, 590_000_000)
    start = finished - rng.randrange(500_000, 1_900_000)
    row = {
        "mutation_id": w.ids.new("mut"),
        "account_id": rng.choice(w.accounts).account_id,
        "entry_point": "support",
        "last_phase": "sync_save",
        "outcome": "saved",
        "started_at": iso_micro(start),
        "written_at": iso_micro(finished - 100_000),
        "finished_at": iso_micro(finished),
        "updated_at": iso_micro(finished),
    }
    w.store.append_late("engine.subs_mutations", row)
    w.ledger.note("late_commit", row["mutation_id"], "subs_mutations", finished // 1_000_000, None)


def attempt(w: World, account: Account, moment: int, failed: bool) -> None:
    """An ordinary payment attempt: when it fails nothing has been written."""
    rng = w.rng("attempts")
    step = rng.choice(_STEPS[1:4]) if failed or rng.random() < 0.08 else "reconcile"
    failed = step != "reconcile"
    start = moment * 1_000_000 + rng.randrange(1_000_000)
    confirmed = None if failed else start + 600_000
    row = attempt_row(w, account, start, step, failed, confirmed)
    w.store.append("engine.payment_attempts", row)


def attempt_row(
    w: World, account: Account, start: int, step: str, failed: bool, confirmed: int | None
) -> Row:
    """One row of payment_attempts; times in microseconds."""
    rng = w.rng("attempts")
    finished = start + rng.randrange(1_500_000, 5_000_000)
    return {
        "attempt_id": w.ids.new("att"),
        "account_id": account.account_id,
        "path": rng.choice(_PATHS),
        "step_reached": step,
        "method": account.method,
        "outcome": "failed" if failed else "succeeded",
        "mutation_id": None,
        "payment_intent_id": None,
        "amount_minor": rng.randrange(500, 30_000),
        "currency": account.currency,
        "started_at": iso_micro(start),
        "confirmed_at": None if confirmed is None else iso_micro(confirmed),
        "committed_at": None if failed or confirmed is None else iso_micro(confirmed + 50_000),
        "finished_at": iso_micro(finished),
        "updated_at": iso_micro(finished),
    }


def green_zone_of_the_day(w: World, day_start: int) -> None:
    """Violations: a failed attempt whose mutation was written before confirm.

    Beside each stand look-alikes: written, but the payment had succeeded or was
    confirmed first, so that no rule is broken.
    """
    rng = w.rng("green-zone")
    violations = 0 if w.shipped(day_start) else rng.choice((0, 1, 1, 2, 2, 3))
    for index in range(violations + 2):
        account = rng.choice([a for a in rng.sample(w.accounts, 5) if not a.special] or w.accounts)
        moment = day_start + rng.randrange(600, DAY - 600)
        w.at(moment, lambda t, a=account, n=index: _green(w, a, t, n - violations))  # type: ignore[misc]


def _green(w: World, account: Account, moment: int, variant: int) -> None:
    """variant < 0: a violation; 0: confirmed before the write; 1: the intent succeeded."""
    start = moment * 1_000_000
    mutation_id = _written(w, account, moment)
    confirmed = start + 500_000 if variant == 0 else None
    if variant == -1:
        confirmed = start + 1_400_000
    row = attempt_row(w, account, start, "confirm", True, confirmed)
    row["mutation_id"] = mutation_id
    status = "succeeded" if variant == 1 else "requires_payment_method"
    if variant != -2:
        made = billing.intent(w, account, moment, row["amount_minor"], status)
        row["payment_intent_id"] = made["id"]
    w.store.append("engine.payment_attempts", row)
    if variant < 0:
        w.books.green_zone.append(date_text(moment))
        w.ledger.note("green_zone", row["attempt_id"], "written_before_confirm", moment, None)


def _written(w: World, account: Account, moment: int) -> str:
    start = moment * 1_000_000
    row = {
        "mutation_id": w.ids.new("mut"),
        "account_id": account.account_id,
        "entry_point": "renewal",
        "last_phase": "sync_save",
        "outcome": "saved",
        "started_at": iso_micro(start),
        "written_at": iso_micro(start + 900_000),
        "finished_at": iso_micro(start + 1_000_000),
        "updated_at": iso_micro(start + 1_000_000),
    }
    w.store.append("engine.subs_mutations", row)
    return str(row["mutation_id"])


def revoked_at(w: World) -> str | None:
    """When the Stripe key stops working, in the published scenario."""
    return iso(KEY_REVOKED) if w.scenario == "published" else None
