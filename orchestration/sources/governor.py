"""How fast an API may be asked: a pace in all and one for each endpoint, both learned.

Knows no API and sends nothing. The configured rates are where it starts and the most it
will try; a refusal lowers the pace that was named to what the server had just let through,
quiet seconds raise it again in small steps. Safe for several threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

# Below the limit by so much, since servers count in windows and answers arrive unevenly.
HEADROOM = 0.985

# After a refusal the pace rises by this share a second, once so many quiet seconds have passed.
_RISE = 0.01
_QUIET_SECONDS = 5.0

_SLOWEST = 0.5

# A refusal while nearly the whole pace was let through lowers it a little only.
_NEARLY_ALL = 0.9
_TRIM = 0.985


class _Pace:
    """Evenly spaced requests at `rate` a second; a little burst only where the rate is high."""

    def __init__(self, ceiling: float, now: float) -> None:
        self.ceiling = ceiling * HEADROOM
        self.rate = self.ceiling
        self._burst = max(0.0, ceiling / 50 - 1)
        self._next = now
        self._refused_at: float | None = None
        self._raised_at = now
        self._answers: deque[float] = deque()

    def reserve(self, now: float) -> float:
        """Take the next place in the queue; return when it is (monotonic seconds)."""
        place = max(self._next, now - self._burst / self.rate)
        self._next = place + 1 / self.rate
        return place

    def has_queue(self, now: float) -> bool:
        return self._next - now > 1.5 / self.rate

    def pause(self, until: float) -> None:
        self._next = max(self._next, until)

    def answered(self, now: float) -> None:
        self._answers.append(now)
        while self._answers[0] <= now - 1:
            self._answers.popleft()
        if self._refused_at is None or now - self._refused_at < _QUIET_SECONDS:
            self._raised_at = now
            return
        self.rate = min(self.ceiling, self.rate * (1 + _RISE * (now - self._raised_at)))
        self._raised_at = now

    def refused(self, now: float) -> None:
        """Come down to what was let through in the last second; once for one wave of refusals."""
        if self._refused_at is not None and now - self._refused_at < 1:
            return
        self._refused_at = now
        let_through = sum(1 for at in self._answers if at > now - 1)
        # Nearly all went through: a few came unevenly, and the limit is about where we are.
        share = _TRIM if let_through > _NEARLY_ALL * self.rate else 0.9
        self.rate = max(_SLOWEST, min(self.rate * share, max(let_through, self.rate / 2)))
        self._burst = 0.0


class Governor:
    """At most `overall` requests a second and `each` an endpoint; less when the server says so."""

    def __init__(
        self,
        overall: float,
        each: float | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if overall <= 0 or (each is not None and each <= 0):
            raise ValueError(f"a rate limit must be above zero, got {overall} and {each}")
        self._monotonic = monotonic
        self._sleep = sleep
        self._each = each
        self._overall = _Pace(overall, monotonic())
        self._endpoints: dict[str, _Pace] = {}
        self._lock = threading.Lock()

    def rate(self, endpoint: str | None = None) -> float:
        """Return the present pace (requests a second), in all or of one endpoint."""
        with self._lock:
            return self._overall.rate if endpoint is None else self._pace(endpoint).rate

    def is_binding(self, endpoint: str = "") -> bool:
        """Whether requests wait here: the next place lies further ahead than one interval."""
        with self._lock:
            now = self._monotonic()
            paces = (self._overall, self._pace_or_none(endpoint))
            return any(p is not None and p.has_queue(now) for p in paces)

    def take(self, endpoint: str = "") -> None:
        """Wait for a place: first the endpoint's, then one in all, so that none is held in vain."""
        self._wait(self._pace_or_none(endpoint))
        self._wait(self._overall)

    def _wait(self, pace: _Pace | None) -> None:
        if pace is None:
            return
        with self._lock:
            now = self._monotonic()
            wait = pace.reserve(now) - now
        if wait > 0:
            self._sleep(wait)

    def answered(self, endpoint: str = "") -> None:
        """Note a request that was let through."""
        with self._lock:
            now = self._monotonic()
            self._overall.answered(now)
            if pace := self._pace_or_none(endpoint):
                pace.answered(now)

    def refused(self, endpoint: str = "", reason: str = "") -> None:
        """Note a refusal for speed; `reason` says whether one endpoint or all were too fast."""
        with self._lock:
            now = self._monotonic()
            pace = self._pace_or_none(endpoint) if "endpoint" in reason else None
            (pace or self._overall).refused(now)

    def pause(self, seconds: float) -> None:
        """Let nobody through for a while: the server said when to come back."""
        with self._lock:
            self._overall.pause(self._monotonic() + seconds)

    def _pace_or_none(self, endpoint: str) -> _Pace | None:
        return None if self._each is None else self._pace(endpoint)

    def _pace(self, endpoint: str) -> _Pace:
        pace = self._endpoints.get(endpoint)
        if pace is None:
            assert self._each is not None
            pace = self._endpoints.setdefault(endpoint, _Pace(self._each, self._monotonic()))
        return pace
