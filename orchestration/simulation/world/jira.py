"""Plugs the simulated tickets into the world's changesets and books."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orchestration.simulation.ticket_texts import (
    SimTicket,
    changelog_until,
    generate_tickets,
    ticket_state_at,
)

from .state import World
from .times import DELIVERED, NOW, START


def _moment(epoch_second: int) -> datetime:
    return datetime.fromtimestamp(epoch_second, UTC)


def _changes(ticket: SimTicket) -> list[datetime]:
    """Moments at which something about the ticket changed."""
    moments = [ticket.created, *(event.at for event in ticket.history)]
    return moments + [m for m in (ticket.escalated_at, ticket.deleted_at) if m is not None]


class Tickets:
    """All tickets of the world; `advance` brings the Jira tables up to a boundary."""

    def __init__(self, w: World) -> None:
        self.w = w
        tickets = generate_tickets(w.seed, _moment(START), _moment(NOW))
        self.tickets = [t for t in tickets if not self._prevented(t)]
        self._items: set[str] = set()
        self._until = START - 1
        self._book()

    def _prevented(self, ticket: SimTicket) -> bool:
        """The registrar's checkout is delivered: its tickets no longer come in."""
        delivered = self.w.scenario == "shipped" and ticket.created >= _moment(DELIVERED)
        return delivered and ticket.category == "address_checkout"

    def _book(self) -> None:
        for ticket in self.tickets:
            gone = ticket.deleted_at is not None and ticket.deleted_at < _moment(NOW)
            if gone:
                continue
            self.w.books.tickets[ticket.key] = ticket.category
            if ticket.pattern is not None:
                self.w.books.ticket_patterns[ticket.key] = ticket.pattern
            if ticket.escalated_at is not None:
                self.w.books.escalations.append(int(ticket.escalated_at.timestamp()))

    def advance(self, boundary: int) -> None:
        """Write what changed in Jira before `boundary`."""
        at = _moment(boundary - 1)
        table = self.w.store.tables["jira.issues"]
        since, self._until = _moment(self._until), boundary - 1
        for ticket in self.tickets:
            if not any(since < change <= at for change in _changes(ticket)):
                continue
            row = ticket_state_at(ticket, at)
            if row is None:
                if ticket.id in table:
                    self.w.store.delete("jira.issues", ticket.id)
            elif table.get(ticket.id) != row:
                self.w.store.put("jira.issues", row)
                self._history(ticket, at)

    def _history(self, ticket: SimTicket, at: datetime) -> None:
        item: dict[str, Any]
        for item in changelog_until(ticket, at):
            if item["id"] not in self._items:
                self._items.add(item["id"])
                self.w.store.append("jira.changelog_items", item)
