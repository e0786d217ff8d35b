"""Whether a ticket waits for an engineer's act, with the reason. No category is decided here."""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.tickets.evidence import Evidence

_NEVER = {
    "unclassified": "fits no category: nothing for billing engineering to repair",
}


@dataclass(frozen=True)
class BlockedVerdict:
    """True when the ticket cannot be closed without an engineer; `reason` in plain words."""

    is_blocked: bool
    reason: str


def judge_blocked(category: str, evidence: Evidence) -> BlockedVerdict:
    """Return the verdict: the category's rule, unless the text says who can close the ticket."""
    if category in _NEVER:
        return BlockedVerdict(False, _NEVER[category])
    solved = evidence.first("support_can_close")
    needed = evidence.first("needs_engineering")
    if category == "refund":
        if needed:
            return BlockedVerdict(True, f"a refund, but a repair is asked for: “{needed.text}”")
        return BlockedVerdict(False, "support closes refunds when nothing is broken")
    if solved and not needed:
        return BlockedVerdict(False, f"support can close it: “{solved.text}”")
    if needed:
        return BlockedVerdict(True, f"an engineer's act is asked for: “{needed.text}”")
    return BlockedVerdict(True, "a system state is wrong and nothing says support can close it")
