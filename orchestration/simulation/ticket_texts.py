"""Simulated Jira tickets: what support wrote, what became of it, and the truth about it.

`generate_tickets` writes them; `ticket_state_at` and `changelog_until` show a ticket as
Jira would have shown it at a moment. No HTTP and no files here.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from orchestration.clock import iso
from orchestration.simulation.ticket_plan import Slot, plan
from orchestration.simulation.ticket_words import frame, scenarios_for, write_text

PROJECT = "BILL"
_FIRST_NUMBER = 41_000
_STATUS_CATEGORY = {
    "Open": "new",
    "Triage": "new",
    "Reopened": "new",
    "Waiting for Engineering": "indeterminate",
    "In Progress": "indeterminate",
    "Waiting for Customer": "indeterminate",
    "Resolved": "done",
    "Closed": "done",
}


@dataclass(frozen=True)
class TicketEvent:
    """One changed field: `before` and `after` as Jira's changelog writes them."""

    at: datetime
    field: str
    before: str | None
    after: str | None
    author: str


@dataclass(frozen=True)
class SimTicket:
    """A ticket in its last state, with its history and the truth about it (UTC times)."""

    id: str
    key: str
    project: str
    issue_type: str
    status: str
    status_category: str
    priority: str
    summary: str
    description: str
    labels: tuple[str, ...]
    components: tuple[str, ...]
    reporter_role: str
    escalated_at: datetime | None
    support_case_count: int
    created: datetime
    updated: datetime
    resolved_at: datetime | None
    category: str
    engineering_blocked: bool
    pattern: str | None
    history: tuple[TicketEvent, ...] = field(default=())
    deleted_at: datetime | None = None


@dataclass(frozen=True)
class _Draft:
    slot: Slot
    created: datetime
    is_escalated: bool = True
    is_deleted: bool = False


def generate_tickets(seed: int, start: datetime, end: datetime) -> list[SimTicket]:
    """Return all tickets created in [start, end), oldest first; same seed, same tickets.

    Beside the planned escalated ones come support tickets that were never escalated and a
    few that are deleted later; neither belongs to the planted totals.
    """
    draw = random.Random(f"tickets:{seed}")
    drafts = [_Draft(slot, _moment(draw, slot, start, end)) for slot in plan(draw, start, end)]
    extra = draw.sample(drafts, k=min(len(drafts), max(6, len(drafts) // 25)))
    for index, model in enumerate(extra):
        moment = _moment(draw, model.slot, start, end)
        drafts.append(_Draft(model.slot, moment, index % 5 == 0, index % 5 == 0))
    drafts.sort(key=lambda d: (d.created, d.slot.category))
    return [_ticket(draw, number, draft, end) for number, draft in enumerate(drafts)]


def _moment(draw: random.Random, slot: Slot, start: datetime, end: datetime) -> datetime:
    """A creation time on the slot's day that leaves room to escalate on the same UTC day."""
    midnight = datetime.combine(slot.day, time(), tzinfo=UTC)
    low = max(midnight, start)
    high = min(midnight + timedelta(hours=20), end - timedelta(minutes=40))
    span = max(int((high - low).total_seconds()), 1)
    return low + timedelta(seconds=draw.randrange(span))


def _ticket(draw: random.Random, number: int, draft: _Draft, end: datetime) -> SimTicket:
    slot = draft.slot
    pool = scenarios_for(slot.category, slot.pattern)
    # Words are drawn apart, so that another wording changes no time and no history.
    words = random.Random(draw.getrandbits(64))
    summary, description = write_text(words, words.choice(pool), draft.created, slot.is_blocked)
    escalated = _escalation(draw, draft, end)
    identity = str(1_000_000 + number)
    first = {
        "status": "Open",
        "priority": draw.choice(["Low", "Medium", "Medium", "Medium", "High"]),
        "labels": " ".join(sorted(draw.sample(frame()["labels"], k=draw.choice([0, 0, 1, 2, 3])))),
        "description": description,
        "summary": summary,
    }
    history = _history(draw, first, escalated or draft.created, end)
    last = dict(first)
    for event in history:
        last[event.field] = event.after or ""
    deleted = None
    if draft.is_deleted:
        deleted = draft.created + (end - draft.created) * draw.uniform(0.2, 0.8)
        deleted = max(deleted.replace(microsecond=0), escalated or draft.created)
    return SimTicket(
        id=identity,
        key=f"{PROJECT}-{_FIRST_NUMBER + number}",
        project=PROJECT,
        issue_type=draw.choice(["Support Request", "Support Request", "Bug", "Escalation", "Task"]),
        status=last["status"],
        status_category=_STATUS_CATEGORY[last["status"]],
        priority=last["priority"],
        summary=last["summary"],
        description=last["description"],
        labels=tuple(last["labels"].split()),
        components=tuple(draw.sample(frame()["components"], k=draw.choice([0, 1, 1, 2]))),
        reporter_role=draw.choice(
            ["support", "support", "support", "customer_success", "engineer"]
        ),
        escalated_at=escalated,
        support_case_count=draw.choices([0, 1, 2, 3, 7], [10, 60, 18, 8, 4])[0],
        created=draft.created,
        updated=max([e.at for e in history], default=escalated or draft.created),
        resolved_at=_resolved_at(history, end),
        category=slot.category,
        engineering_blocked=slot.is_blocked,
        pattern=slot.pattern,
        history=history,
        deleted_at=deleted,
    )


def _escalation(draw: random.Random, draft: _Draft, end: datetime) -> datetime | None:
    if not draft.is_escalated:
        return None
    midnight = datetime.combine(draft.created.date(), time(), tzinfo=UTC) + timedelta(days=1)
    limit = min(midnight, end) - draft.created - timedelta(seconds=1)
    minutes = draw.randrange(10, 200)
    return draft.created + min(timedelta(minutes=minutes), limit)


def _history(
    draw: random.Random, first: dict[str, str], begins: datetime, end: datetime
) -> tuple[TicketEvent, ...]:
    """Status moves, re-prioritised and re-labelled tickets, an added remark; only before `end`."""
    steps: list[tuple[str, str]] = []
    if draw.random() < 0.8:
        steps.append(("status", draw.choice(["Waiting for Engineering", "In Progress", "Triage"])))
    if draw.random() < 0.15:
        steps.append(("priority", "Highest"))
    if draw.random() < 0.15:
        steps.append(("labels", " ".join(sorted({*first["labels"].split(), "relabelled"}))))
    if draw.random() < 0.08:
        steps.append(("description", first["description"] + "\n\nUpdate: asked again today."))
    if draw.random() < 0.75:
        steps.append(("status", draw.choice(["Resolved", "Closed"])))
        if draw.random() < 0.07:
            steps.append(("status", "Reopened"))
    events: list[TicketEvent] = []
    state, at = dict(first), begins
    for name, after in steps:
        at += timedelta(seconds=draw.randrange(1800, 5 * 86400))
        if at >= end:
            break
        author = f"sim-agent-{draw.randrange(1, 40):02d}"
        events.append(TicketEvent(at, name, state[name], after, author))
        state[name] = after
    return tuple(events)


def _resolved_at(history: tuple[TicketEvent, ...], until: datetime) -> datetime | None:
    resolved: datetime | None = None
    for event in history:
        if event.field == "status" and event.at <= until:
            done = _STATUS_CATEGORY[event.after or "Open"] == "done"
            resolved = event.at if done else None
    return resolved


def ticket_state_at(ticket: SimTicket, at: datetime) -> dict[str, Any] | None:
    """Return the `jira.issues` row as of `at`; None before creation and from deletion on."""
    if at < ticket.created or (ticket.deleted_at is not None and at >= ticket.deleted_at):
        return None
    fields = {
        "status": ticket.status,
        "priority": ticket.priority,
        "labels": " ".join(ticket.labels),
        "description": ticket.description,
        "summary": ticket.summary,
    }
    for event in reversed(ticket.history):
        if event.at > at:
            fields[event.field] = event.before or ""
    escalated = ticket.escalated_at if ticket.escalated_at and ticket.escalated_at <= at else None
    seen = [e.at for e in ticket.history if e.at <= at]
    resolved = _resolved_at(ticket.history, at)
    return {
        "id": ticket.id,
        "key": ticket.key,
        "project": ticket.project,
        "issue_type": ticket.issue_type,
        "status": fields["status"],
        "status_category": _STATUS_CATEGORY[fields["status"]],
        "priority": fields["priority"],
        "summary": fields["summary"],
        "description": fields["description"],
        "labels": fields["labels"].split(),
        "components": list(ticket.components),
        "reporter_role": ticket.reporter_role,
        "escalated_at": iso(escalated) if escalated else None,
        "support_case_count": ticket.support_case_count,
        "created": iso(ticket.created),
        "updated": iso(max([*seen, escalated or ticket.created])),
        "resolved_at": iso(resolved) if resolved else None,
    }


def changelog_until(ticket: SimTicket, at: datetime) -> list[dict[str, Any]]:
    """Return the `jira.changelog_items` rows up to and including `at`, oldest first."""
    if ticket_state_at(ticket, at) is None:
        return []
    return [
        {
            "id": f"{ticket.id}{number:03d}",
            "issue_id": ticket.id,
            "author": event.author,
            "field": event.field,
            "from_value": event.before or None,
            "to_value": event.after or None,
            "created": iso(event.at),
        }
        for number, event in enumerate(ticket.history)
        if event.at <= at
    ]
