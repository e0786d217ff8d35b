"""Hand-made tickets for the tests of the support models: ISO weeks, and what happens to tickets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

STREAMS = ("jira.issues", "tickets.classifications", "tickets.patterns", "tickets.measures")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


FIRST, SECOND, THIRD = (moment(f"2026-03-0{day}") for day in (1, 2, 3))

# Ticket number, escalated at (UTC; None: never), category, pattern.
TICKETS: tuple[tuple[int, str | None, str, str | None], ...] = (
    (1, "2025-12-28T23:59:59.999999", "bad_debt", "banned"),  # Sunday of 2025-W52
    (2, "2025-12-29T00:00:00", "bad_debt", "banned"),  # Monday of 2026-W01
    (3, "2026-01-04T23:30:00", "bad_debt", "banned"),  # 00:30 on Monday in Berlin: still W01
    (4, "2026-02-25T10:00:00", "refund", None),  # reopened
    (5, "2026-02-25T11:00:00", "refund", None),  # relabelled
    (6, "2026-02-25T12:00:00", "refund", None),  # deleted
    (7, "2026-02-25T13:00:00", "refund", "forgot"),  # moved to another project
    (8, "2026-03-02T00:00:00", "refund", "forgot"),  # Monday of the week that is not over
    (9, None, "refund", "forgot"),  # never escalated
    (10, "2025-12-07T23:59:59", "refund", None),  # the week before the window
)


def issue(number: int, at: datetime, escalated: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "issue_id": str(number),
        "issue_key": f"BILL-{number}",
        "project_key": "BILL",
        "summary": "s",
        "status": "Open",
        "escalated_at": moment(escalated) if escalated else None,
        "support_case_count": number,
        "created_at": moment("2025-12-01"),
        "updated_at": at,
        "_as_of": at,
        "_load_id": f"jira.issues-{at.day - 1}",
        "_row_hash": number * 100 + at.day,
        "_is_deleted": False,
        **changes,
    }


def issues() -> Iterator[dict[str, Any]]:
    escalated = {number: moment_text for number, moment_text, _, _ in TICKETS}
    for number, text, _, _ in TICKETS:
        yield issue(number, FIRST, text)
    yield issue(4, SECOND, escalated[4], status="Resolved")
    yield issue(4, THIRD, escalated[4], status="Reopened")
    yield issue(5, SECOND, escalated[5], labels=["refund", "vip"])
    yield issue(6, SECOND, escalated[6], _is_deleted=True)
    yield issue(7, THIRD, escalated[7], issue_key="OPS-3", project_key="OPS")


def tickets_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (raw table, row) of everything, as the landing writes it."""
    yield from (("jira__issues", row) for row in issues())
    meta = {"_as_of": THIRD, "_row_hash": 1, "_is_deleted": False, "rules_version": "v"}
    for number, _, category, pattern in TICKETS:
        if number != 6:
            yield (
                "tickets__classifications",
                {
                    "issue_id": str(number),
                    "issue_key": "OPS-3" if number == 7 else f"BILL-{number}",
                    "category": category,
                    "confidence": 1,
                    "is_sure": number < 7,
                    "runner_up": "unclassified",
                    "runner_up_confidence": 0,
                    "is_engineering_blocked": category == "bad_debt",
                    "pattern_id": pattern,
                    "content_hash": "h",
                    **meta,
                    "_load_id": "tickets.classifications-2",
                },
            )
    for order, (pattern, category) in enumerate([("banned", "bad_debt"), ("forgot", "refund")]):
        words = dict.fromkeys(("title", "description", "detection_rule"), pattern)
        row = {"pattern_id": pattern, "category": category, **words, "display_order": order}
        yield "tickets__patterns", {**row, **meta, "_load_id": "tickets.patterns-2"}
    for category, correct in (("bad_debt", 8), ("refund", 9)):
        row = {"category": category, "tested_tickets": 10, "counted_tickets": 9}
        counts = {**row, "correct_tickets": correct, **meta}
        yield "tickets__measures", {**counts, "_load_id": "tickets.measures-2"}
