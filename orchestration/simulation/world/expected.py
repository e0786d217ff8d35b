"""The rules of state and access, read from the rows as they are. Nothing is changed here."""

from __future__ import annotations

from .catalogue import RANK
from .state import Account, Ope, World
from .store import Row

LIVE = ("active_billed", "scheduled_cancel", "scheduled_downgrade", "delayed_upgrade")
_BEST = {"NONE": 0, "HELD": 1, "GRANTED": 2}
_FREE = ("free", "-1", "", "0")


def ope_state(row: Row) -> str:
    """State of an OPE from its five signals, first match wins."""
    phases, source = row["value_phases"], row["license_source_id"] or ""
    now = phases[0] if phases else None
    if row["deleted_date"]:
        return "cancelled"
    rank_now = _rank(row["kind"], now)
    stripe = source.startswith("sub_") and ":si_" in source
    if rank_now is None or not (stripe or _plain_license(source)):
        return "malformed"
    if row["workflow_id"]:
        return "in_flight"
    if not stripe:
        return {"P": "pending", "C": "contract"}.get(source[:1], "unbilled_grant")
    following = phases[1] if len(phases) > 1 else ""
    if following in ("free", "-1"):
        return "scheduled_cancel"
    rank_next = _rank(row["kind"], following) if following else rank_now
    if rank_next is None:
        return "malformed"
    if rank_next < rank_now:
        return "scheduled_downgrade"
    return "delayed_upgrade" if rank_next > rank_now else "active_billed"


def _plain_license(source: str) -> bool:
    if source in ("PENDING:PENDING", "CONTRACT:CONTRACT"):
        return True
    return source.startswith(("ADMIN:", "USER:")) and not source.endswith(":")


def _rank(kind: str | None, value: str | None) -> int | None:
    if not value:
        return None
    if kind == "enum":
        return RANK.get(value)
    if kind == "sum":
        return int(value) if value.isdigit() else None
    return 0 if kind == "usage" else None


def _access_of(w: World, account: Account, ope: Ope) -> str:
    state = ope_state(ope.row)
    if ope.row["value_phases"] and ope.row["value_phases"][0] in _FREE:
        return "NONE"
    if state in ("contract", "unbilled_grant"):
        return "GRANTED"
    if state == "pending":
        return "HELD"
    if state not in LIVE or account.flagged:
        return "NONE"
    sub = w.subs.get(ope.row["license_source_id"].split(":")[0])
    status = sub.row["status"] if sub else None
    if status in ("active", "trialing"):
        return "GRANTED"
    return "HELD" if status == "incomplete" else "NONE"


def expected_access(w: World, account: Account) -> dict[str, str]:
    """Access that billing expects, by service, for the account's OPEs that are not cancelled."""
    best: dict[str, str] = {}
    for ope in account.opes:
        if ope.row["deleted_date"]:
            continue
        state = _access_of(w, account, ope)
        for service in w.catalogue.services.get(ope.row["component"], []):
            if _BEST[state] >= _BEST[best.get(service, "NONE")]:
                best[service] = state
    return best
