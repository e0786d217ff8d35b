"""The detectors, evaluated over the world in memory at the end of a day.

Written from the rules, one account at a time, without any store or query of the
warehouse. A finding is (entity, kind, reason of exclusion or None).
"""

from __future__ import annotations

from decimal import Decimal

from .catalogue import RANK
from .expected import LIVE, expected_access, ope_state
from .ledger import Finding
from .state import Account, Item, Ope, World
from .times import DAY, HOUR, epoch, iso

UNSUPPORTED = ("enterprise", "msp", "partners_pay_go", "partner_s")
NEAR = 3 * DAY
_BILLED = ("active", "trialing", "past_due", "unpaid")
_PAYING = ("active", "trialing", "past_due")


def _account_reason(w: World, account: Account, kind: str | None) -> str | None:
    if kind in UNSUPPORTED:
        return "unsupported_account_type"
    return "merged_account" if w.merged(account) else None


def stripe_type(account: Account) -> str | None:
    """Account type by the rule that lets Stripe's metadata win."""
    kind: str | None = account.stripe["metadata"].get("account_type")
    return kind or account.engine["account_type"]


def _near(period_end: str, day_end: int) -> bool:
    return iso(day_end) < period_end <= iso(day_end + NEAR)


def _item_reason(
    w: World, account: Account, items: list[Item], names: list[Ope], day_end: int
) -> str | None:
    reason = _account_reason(w, account, stripe_type(account))
    if reason:
        return reason
    if any(ope_state(o.row) in ("in_flight", "pending") for o in names):
        return "in_flight"
    ends = [i.row["current_period_end"] for i in items]
    return "invoice_date_too_near" if ends and _near(min(ends), day_end) else None


def stripe_drift(w: World, account: Account, day_end: int) -> list[Finding]:
    """Live OPEs against Stripe subscription items."""
    found: list[Finding] = []
    for ope in account.opes:
        sub_id, _, item_id = (ope.row["license_source_id"] or "").partition(":")
        if ope_state(ope.row) not in (*LIVE, "in_flight") or not item_id.startswith("si_"):
            continue
        if item_id not in w.items:
            sub = w.subs.get(sub_id)
            reason = _item_reason(w, account, sub.items if sub else [], [ope], day_end)
            found.append((ope.row["ope_id"], "missing_in_stripe", reason))
    for sub in account.subs:
        for item in sub.items:
            names = w.named.get(f"{sub.row['id']}:{item.row['id']}", [])
            kind = _item_verdict(w, account, item, names)
            if kind:
                reason = _item_reason(w, account, [item], names, day_end)
                found.append((item.row["id"], kind, reason))
    return found


def _item_verdict(w: World, account: Account, item: Item, names: list[Ope]) -> str | None:
    status = item.sub.row["status"]
    # What once named the item may name another licence now.
    names = [o for o in names if o.row["license_source_id"] == _license(item)]
    live = [o for o in names if ope_state(o.row) in (*LIVE, "in_flight")]
    bad_debt_item = item.row["metadata"].get("bad_debt_item") == "true"
    exempt = bad_debt_item or stripe_type(account) == "ad_hoc_contract"
    gone = all(o.row["deleted_date"] for o in names)
    if gone and not exempt and status in _BILLED:
        return "orphan_in_stripe"
    if live and status not in _PAYING:
        return "status_mismatch"
    if exempt or gone or status in ("canceled", "incomplete_expired"):
        return None
    return _amounts(w, item, next(o for o in names if not o.row["deleted_date"]))


def _license(item: Item) -> str:
    return f"{item.sub.row['id']}:{item.row['id']}"


def _amounts(w: World, item: Item, ope: Ope) -> str | None:
    phases, component = ope.row["value_phases"], ope.row["component"]
    if not phases or ope_state(ope.row) == "malformed":
        return None
    price = w.catalogue.price(component, phases[0], item.row["interval"], item.row["currency"])
    if price.is_active and (
        Decimal(item.row["unit_amount_decimal"]) != Decimal(price.unit_amount)
        or item.row["price_id"] != price.price_id
    ):
        return "price_mismatch"
    if ope.row["kind"] == "sum" and item.row["quantity"] != int(phases[0]):
        return "quantity_mismatch"
    return None


def zone_drift(w: World, account: Account, day_end: int) -> list[Finding]:
    """Plan level in www against the engine's zone-plan OPE."""
    found: list[Finding] = []
    opes: dict[str, Ope] = {}
    for ope in account.opes:
        if ope.row["component"] == "zone_plan" and ope.zone and not ope.row["deleted_date"]:
            opes[ope.zone["zone_id"]] = ope
    zones = {z["zone_id"]: z for z in account.zones if z["status"] == "active"}
    for zone_id in dict.fromkeys([*zones, *opes]):
        zone, entry = zones.get(zone_id), opes.get(zone_id)
        state = ope_state(entry.row) if entry else None
        kind = _zone_verdict(zone["plan_level"] if zone else None, entry, state)
        if kind is None:
            continue
        reason = _account_reason(w, account, account.engine["account_type"])
        if reason is None and state in ("in_flight", "pending"):
            reason = "in_flight"
        if reason is None and state == "malformed":
            reason = "malformed_ope"
        found.append((zone_id, kind, reason))
    return found


def _zone_verdict(level: str | None, ope: Ope | None, state: str | None) -> str | None:
    engine = None
    if ope is not None and state != "malformed":
        engine = ope.row["value_phases"][0]
    if level is None:
        return "missing_in_www" if engine not in (None, "free") else None
    if engine is None:
        return "missing_in_engine" if level != "free" else None
    if RANK[level] == RANK[engine]:
        return None
    return "plan_above_engine" if RANK[level] > RANK[engine] else "plan_below_engine"


def triple_store(w: World, account: Account, day_end: int) -> list[Finding]:
    """Flag, customer timestamp and Stripe metadata about bad debt."""
    metadata = account.stripe["metadata"]
    if account.stripe["deleted"] or metadata.get("lifting"):
        return []
    parts = (
        account.flagged,
        account.customer["bad_debt"] is not None,
        metadata.get("bad_debt") == "true",
    )
    combination = "".join("1" if part else "0" for part in parts)
    if combination in ("000", "111"):
        return []
    reason = "merged_account" if w.merged(account) else None
    return [(account.account_id, combination, reason)]


def entitlement(w: World, account: Account, day_end: int) -> list[Finding]:
    """Access against what billing expects."""
    found: list[Finding] = []
    expected = expected_access(w, account)
    unsure = {
        o.row["component"] for o in account.opes if ope_state(o.row) in ("in_flight", "malformed")
    }
    for service in dict.fromkeys([*expected, *account.access]):
        wanted = expected.get(service, "NONE")
        row = account.access.get(service)
        actual = row["state"] if row else "NONE"
        kind = None
        if wanted == "GRANTED" and actual != "GRANTED":
            kind = "paid_but_not_granted"
        elif wanted != "GRANTED" and actual == "GRANTED":
            kept = wanted == "NONE" and account.flagged
            kind = "kept_after_bad_debt" if kept else "granted_but_unpaid"
        if kind is None:
            continue
        reason = "merged_account" if w.merged(account) else None
        if reason is None and w.catalogue.component_of[service] in unsure:
            reason = "in_flight"
        found.append((f"{account.account_id}:{service}", kind, reason))
    return found


DETECTORS = {
    "stripe": stripe_drift,
    "zone_plan": zone_drift,
    "triple_store": triple_store,
    "entitlement": entitlement,
}


def stuck_in_lifting(w: World, day_end: int) -> list[str]:
    """Stripe customers in lifting for more than 24 hours."""
    limit = day_end - 24 * HOUR
    return [
        row["id"]
        for row in w.in_lifting.values()
        if not row["deleted"] and epoch(row["metadata"]["lifting"]) < limit
    ]
