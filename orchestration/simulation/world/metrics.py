"""The true value of every metric for every complete day, counted from memory and books."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from .evaluate import DETECTORS, stuck_in_lifting
from .ledger import Finding
from .state import BAD_DEBT, Account, World
from .times import DAY, FIRST_BOUNDARY, LAST_DAY_END, START, date_text, iso

MONTH = 30 * DAY
Series = dict[str, dict[str, int | float]]
_DRIFT_METRICS = {
    "stripe": "stripe_drift_accounts",
    "zone_plan": "zone_plan_drift_accounts",
    "triple_store": "bad_debt_inconsistent_accounts",
    "entitlement": "entitlement_drift_accounts",
}


class Observer:
    """Evaluates the end of each day and keeps what the metrics of state need."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.series: Series = {}
        self._showing: dict[str, dict[str, Account]] = {name: {} for name in DETECTORS}
        self._flagged: set[str] = set()
        self._counts: dict[str, int] = {}

    def end_of_day(self, day_end: int) -> None:
        """Run every detector over the accounts that changed or showed something before."""
        in_window = day_end > FIRST_BOUNDARY
        day = date_text(day_end - DAY)
        for name, detect in DETECTORS.items():
            candidates = {**self._showing[name], **self.w.marked}
            showing: dict[str, Account] = {}
            open_accounts = 0
            findings: list[Finding] = []
            for account_id in sorted(candidates):
                account = candidates[account_id]
                found = detect(self.w, account, day_end)
                if found:
                    showing[account_id] = account
                    findings.extend(found)
                    open_accounts += any(reason is None for _, _, reason in found)
            self._showing[name] = showing
            self.w.ledger.observe(name, day_end, findings)
            if in_window:
                self._set(_DRIFT_METRICS[name], day, open_accounts)
        self.w.marked = {}
        self._simple_detectors(day_end)
        self._stocks(day, day_end, in_window)

    def _simple_detectors(self, day_end: int) -> None:
        """Faults that need no account: charged twice, stuck in lifting, never paid."""
        shown = {
            "double_charge": [(a, "double_charged") for a in double_charged(self.w, day_end)],
            "lifting": [(c, "stuck_in_lifting") for c in stuck_in_lifting(self.w, day_end)],
            "zero_payment": [
                (s, "zero_payment_subscription") for s in zero_payment(self.w, day_end)
            ],
        }
        for name, entities in shown.items():
            findings: list[Finding] = [(entity, kind, None) for entity, kind in entities]
            self.w.ledger.observe(name, day_end, findings)
            self._counts[name] = len(entities)

    def _set(self, metric: str, day: str, value: int | float) -> None:
        self.series.setdefault(metric, {})[day] = value

    def _stocks(self, day: str, day_end: int, in_window: bool) -> None:
        if day_end < FIRST_BOUNDARY:
            return
        flagged = {
            row["account_id"]
            for row in self.w.store.rows("engine.subs_account")
            if row["flags"] & BAD_DEBT
        }
        before, self._flagged = self._flagged, flagged
        if not in_window:
            return
        self._set("bad_debt_accounts", day, len(flagged))
        self._set("bad_debt_entries_per_day", day, len(flagged - before))
        known = self.w.store.tables["engine.subs_account"]
        self._set("bad_debt_exits_per_day", day, sum(a in known for a in before - flagged))
        self._set("stuck_in_lifting_accounts", day, self._counts["lifting"])
        self._set("stuck_events", day, len(self.w.store.tables["engine.subs_stuck_events"]))
        self._set("zero_payment_subscriptions_per_month", day, self._counts["zero_payment"])


def zero_payment(w: World, day_end: int) -> list[str]:
    """Active subscriptions priced above zero, 7 to 30 days old, without a paid invoice."""
    oldest, youngest = iso(day_end - MONTH), iso(day_end - 7 * DAY)
    w.young = [s for s in w.young if s.row["created"] >= oldest]
    found = []
    for sub in w.young:
        row = sub.row
        if row["status"] != "active" or row["created"] > youngest:
            continue
        priced = any(Decimal(i.row["unit_amount_decimal"]) > 0 for i in sub.items)
        if priced and w.books.paying_subs.get(row["id"], day_end) >= day_end:
            found.append(row["id"])
    return found


def flows(w: World) -> Series:
    """Metrics that follow from the objects' own timestamps, from the world's first day."""
    days = [date_text(m) for m in range(START, LAST_DAY_END, DAY)]
    marked = Counter(day for day, _ in w.books.uncollectible)
    upgrades = Counter(d for d, reason in w.books.uncollectible if reason == "subscription_update")
    cycles = Counter(d for d, reason in w.books.uncollectible if reason == "subscription_cycle")
    rollbacks, green = Counter(w.books.rollbacks), Counter(w.books.green_zone)
    series: Series = {
        "uncollectible_invoices_per_day": {d: marked[d] for d in days},
        "bad_debt_from_upgrades_per_day": {d: upgrades[d] for d in days},
        "checkout_rollbacks_per_day": {d: rollbacks[d] for d in days},
        "green_zone_violations_per_day": {d: green[d] for d in days},
        "pipe_lag_p95_seconds": {d: p95(w.books.lags[d]) for d in days if d in w.books.lags},
        "dunning_failures_per_month": {
            days[i]: sum(cycles[d] for d in days[i - 29 : i + 1]) for i in range(29, len(days))
        },
    }
    ends = range(START + DAY, LAST_DAY_END + 1, DAY)
    series["double_charged_accounts"] = {
        date_text(end - DAY): len(double_charged(w, end)) for end in ends
    }
    series["engineering_tickets_per_month"] = {
        date_text(end - DAY): _escalated(w, end) for end in ends if end >= START + MONTH
    }
    return series


def p95(lags: list[int]) -> float:
    """Nearest-rank 95th percentile of microseconds, in seconds."""
    ranked = sorted(lags)
    return ranked[-(-95 * len(ranked) // 100) - 1] / 1_000_000


def double_charged(w: World, day_end: int) -> dict[str, int]:
    """Accounts that paid a consolidated invoice and one of its originals; since when."""
    found: dict[str, int] = {}
    paid = w.books.paid
    for invoice, account, originals in w.books.consolidated:
        if invoice not in paid:
            continue
        twice = [max(paid[o], paid[invoice]) for o in originals if o in paid]
        if twice and min(twice) < day_end:
            found[account] = min(found.get(account, day_end), *twice)
    return found


def _escalated(w: World, day_end: int) -> int:
    return sum(day_end - MONTH <= escalated < day_end for escalated in w.books.escalations)
