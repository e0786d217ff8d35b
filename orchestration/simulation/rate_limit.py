"""Rate limits of the simulated APIs: requests in each whole second, in all and by endpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class RateLimiter:
    """Counts requests in windows of one second of `monotonic` (seconds)."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._second = -1
        self._all = 0
        self._seen: Counter[str] = Counter()

    def refuse(self, endpoint: str, overall: int | None, each: int | None) -> str | None:
        """Count a request; return the reason when it is over a limit, else None.

        Reasons are those of Stripe: `global-rate` and `endpoint-rate`. None is no limit.
        A refused request counts against nothing.
        """
        second = int(self._monotonic())
        if second != self._second:
            self._second, self._all = second, 0
            self._seen.clear()
        if overall is not None and self._all >= overall:
            return "global-rate"
        if each is not None and self._seen[endpoint] >= each:
            return "endpoint-rate"
        self._all += 1
        self._seen[endpoint] += 1
        return None
