"""The pipe: webhook deliveries of the day's Stripe events, and events that got stuck."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from .catalogue import read_seed
from .state import World
from .times import DAY, FIRST_BOUNDARY, HOUR, START, at, date_text, iso, iso_micro

_PER_ACCOUNT = 0.018
_FEWEST = 40
_SLOW_DAYS = (at("2026-01-16T00:00"), at("2026-02-27T00:00"))
_ERRORS = ("handler timed out", "engine refused the event", "unknown account", "lock not free")


@cache
def _handlers() -> tuple[dict[str, str], ...]:
    return tuple(read_seed("handlers"))


class Pipe:
    """Delivers a sample of the day's events at the platform's published rate."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.handlers: dict[str, list[str]] = {}
        self._day_end = START
        for row in _handlers():
            self.handlers.setdefault(row["event_type"], []).append(row["handler"])

    def deliver(self, day_start: int) -> None:
        """Write the deliveries of the events emitted since the last call."""
        rng = self.w.rng("pipe")
        self._day_end = day_start + DAY
        events = sorted(self.w.day_events, key=lambda e: (e[2], e[0]))
        self.w.day_events = []
        wanted = max(_FEWEST, round(self.w.size * _PER_ACCOUNT * rng.uniform(0.85, 1.15)))
        if len(events) > wanted:
            events = self._sample(rng, events, wanted)
        scale = 9.0 if day_start in _SLOW_DAYS else rng.uniform(0.85, 1.2)
        for event_id, kind, moment in events:
            handlers = self.handlers.get(kind, [])
            if handlers:
                self._attempts(rng, event_id, kind, rng.choice(handlers), moment, scale)
            else:
                self._row(event_id, kind, None, 1, moment * 1_000_000, None, "unhandled")

    def _sample(
        self, rng: random.Random, events: list[tuple[str, str, int]], wanted: int
    ) -> list[tuple[str, str, int]]:
        """Handled types mostly, a few unhandled; each type of the day at least once."""
        first: dict[str, int] = {}
        for index, (_, kind, _) in enumerate(events):
            first.setdefault(kind, index)
        handled = [i for i, e in enumerate(events) if e[1] in self.handlers]
        others = [i for i, e in enumerate(events) if e[1] not in self.handlers]
        few = min(len(others), max(1, wanted // 60))
        chosen = rng.sample(handled, min(len(handled), wanted - few)) + rng.sample(others, few)
        picked = dict.fromkeys([*first.values(), *chosen])
        return [events[i] for i in sorted(picked)]

    def _attempts(
        self,
        rng: random.Random,
        event_id: str,
        kind: str,
        handler: str,
        moment: int,
        scale: float,
    ) -> None:
        received = moment * 1_000_000 + rng.randrange(100_000, 900_000)
        attempt = 1
        while rng.random() < 0.02 and attempt < 4:
            self._row(event_id, kind, handler, attempt, received, None, "failed")
            received += 30_000_000 * attempt
            attempt += 1
        lag = int(min(rng.lognormvariate(-0.6, 0.85), 20.0) * scale * 1_000_000)
        self._row(event_id, kind, handler, attempt, received, received + lag, "delivered")
        if rng.random() < 0.015:
            again = received + rng.randrange(1_000_000, 60_000_000)
            self._row(event_id, kind, handler, attempt, again, again + lag, "duplicate")

    def _row(
        self,
        event_id: str,
        kind: str,
        handler: str | None,
        attempt: int,
        received: int,
        delivered: int | None,
        outcome: str,
    ) -> None:
        updated = received if delivered is None else delivered
        row: dict[str, Any] = {
            "delivery_id": self.w.ids.new("dlv"),
            "event_id": event_id,
            "event_type": kind,
            "handler": handler,
            "attempt": attempt,
            "received_at": iso_micro(received),
            "delivered_at": None if delivered is None else iso_micro(delivered),
            "outcome": outcome,
            "updated_at": iso_micro(updated),
        }
        self._insert(row, updated)
        if outcome != "delivered" and received >= FIRST_BOUNDARY * 1_000_000:
            self.w.ledger.note("delivery", row["delivery_id"], outcome, received // 1_000_000, None)
        if delivered is not None and outcome == "delivered":
            day = date_text(delivered // 1_000_000)
            self.w.books.lags.setdefault(day, []).append(delivered - received)

    def _insert(self, row: dict[str, Any], updated: int) -> None:
        """Rows of the last minutes of a day may commit after midnight."""
        before_end = self._day_end - updated // 1_000_000
        extracted = self._day_end >= FIRST_BOUNDARY
        slow = extracted and before_end < 590 and self.w.rng("late").random() < 0.3
        if before_end <= 0 or slow:
            self.w.store.append_late("engine.webhook_deliveries", row)
        else:
            self.w.store.append("engine.webhook_deliveries", row)


def first_stuck(w: World) -> None:
    """Events that were stuck before the world starts."""
    for _ in range(max(6, round(w.size * 0.0004))):
        _stick(w, START - w.rng("stuck").randrange(HOUR, 2 * DAY))


def stuck_of_the_day(w: World, day_start: int) -> None:
    """A few events get stuck; most are processed (and the row deleted) within days."""
    rng = w.rng("stuck")
    count = max(3, round(w.size * 0.00012))
    for _ in range(rng.randint(count - 1, count + 1)):
        w.at(day_start + rng.randrange(DAY), lambda t: _stick(w, t))


def _stick(w: World, moment: int) -> None:
    rng = w.rng("stuck")
    handler = rng.choice(_handlers())
    row = {
        "stuck_event_id": w.ids.new("stk"),
        "event_id": w.ids.new("evt"),
        "event_type": handler["event_type"],
        "handler": handler["handler"],
        "reason": rng.choice(_ERRORS),
        "created_at": iso(moment),
        "updated_at": iso(moment),
    }
    w.store.put("engine.subs_stuck_events", row)
    stays = rng.randrange(HOUR, 6 * DAY) if rng.random() < 0.9 else 20 * DAY
    key = row["stuck_event_id"]
    w.ledger.note("stuck_event", key, handler["handler"], moment, moment + stays)
    w.at(moment + stays, lambda _: w.store.delete("engine.subs_stuck_events", key))
