"""What a daily series should be today, from its own past: robust, and aware of the calendar.

A flow is judged as it is, a stock and a trailing sum by its change since the day before. Counts
are compared as square roots, so that a busy series may vary more than a quiet one. What the
past says: a level (median of the last non-edge days), an effect of the weekday, an effect of the
position at the edge of the month (billing peaks on the last two and first two days) and a
spread (median absolute deviation); medians, so that yesterday's incident does not widen
today's band. Rates of false alarms and of detection beside a plain 3-sigma rule:
`python -m tests.bench --only anomaly`.

Belongs here: arithmetic on one series. Does not: reading series (`evidence`) or verdicts.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HISTORY_DAYS = 98
"""Days of the past that are looked at: three edges of a month and fourteen of each weekday."""
NEEDED_DAYS = 21
"""Days below which nothing can be said: three of each weekday."""
LEVEL_DAYS = 14
WIDTH = 4.0
"""Spreads on each side: a normal series alarms every 43 years; real tails are heavier."""
UNKNOWN_EDGE = 3.0
"""Times the spread at an edge of the month that the past has not seen yet."""
SEEN_ONCE = 1.5
"""Times the spread at an edge seen once (2026-11-22): one value does not say how far it strays."""
PERCENTILE_FLOOR = 0.04
"""Least spread of a percentile as a share of its center (2026-11-22): a p95 that has stood still
for weeks moves by a few percent when its day has few events, and nobody would act on that."""


@dataclass(frozen=True)
class Band:
    """What the last value should lie in, in the series' own unit."""

    low: float
    high: float


def expected(values: Sequence[float], last_day: date, value_kind: str) -> Band | None:
    """Return the band of the last value, from the values before it; None: too short a past.

    `values`: one a day up to `last_day`, without gaps (nan where a day has none).
    """
    series = np.asarray(values[-(HISTORY_DAYS + 2) :], dtype=np.float64)
    is_change = value_kind in ("stock", "flow_month")
    known = np.diff(series) if is_change else series
    past = known[:-1]
    if np.count_nonzero(~np.isnan(past)) < NEEDED_DAYS:
        return None
    first_day = last_day - timedelta(days=len(known) - 1)
    center, spread = _forecast(past if is_change else _root(past), first_day)
    floor = max(1.0, float(np.sqrt(np.nanmedian(np.abs(past))))) if is_change else 1.0
    if value_kind == "percentile_day":
        floor = PERCENTILE_FLOOR * abs(center)
    reach = WIDTH * max(spread, floor)
    if not is_change:
        return Band(_square(center - reach), _square(center + reach))
    before = float(series[-2])
    return None if np.isnan(before) else Band(before + center - reach, before + center + reach)


def edge_of_month(day: date) -> int:
    """Return -2 and -1 for the last two days of a month, 1 and 2 for the first, else 0."""
    from_end = calendar.monthrange(day.year, day.month)[1] - day.day
    if from_end < 2:
        return -1 - from_end
    return day.day if day.day <= 2 else 0


def _forecast(past: Floats, first_day: date) -> tuple[float, float]:
    """Return center and spread of the day after `past`, which begins at `first_day`."""
    days = [first_day + timedelta(days=n) for n in range(len(past) + 1)]
    edges = np.array([edge_of_month(d) for d in days])
    weekdays = np.array([d.weekday() for d in days])
    plain = np.where(edges[:-1] == 0, past, np.nan)
    local = _rolling_median(plain)
    effects = _weekday_effects(plain - local, weekdays[:-1])
    adjusted = past - effects[weekdays[:-1]]
    ordinary = (edges[:-1] == 0) & ~np.isnan(adjusted)
    level = float(np.median(adjusted[ordinary][-LEVEL_DAYS:]))
    residuals = (adjusted - _rolling_median(np.where(ordinary, adjusted, np.nan)))[ordinary]
    spread = 1.4826 * float(np.nanmedian(np.abs(residuals)))
    center = level + float(effects[weekdays[-1]])
    if edges[-1]:
        seen = (adjusted - local)[(edges[:-1] == edges[-1]) & ~np.isnan(adjusted - local)]
        if len(seen):
            center += float(np.median(seen))
            spread = max(spread, float(np.ptp(seen)) / 2)
        spread *= {0: UNKNOWN_EDGE, 1: SEEN_ONCE}.get(len(seen), 1.0)
    return center, spread


def _rolling_median(values: Floats, reach: int = 7) -> Floats:
    """Median of the days around each day, those without a value left out."""
    padded = np.concatenate([np.full(reach, np.nan), values, np.full(reach, np.nan)])
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)
    counts = np.count_nonzero(~np.isnan(windows), axis=1)
    rows = np.arange(len(values))
    middle = (windows[rows, (counts - 1) // 2] + windows[rows, counts // 2]) / 2
    return np.where(counts > 0, middle, np.nan)


def _weekday_effects(residuals: Floats, weekdays: NDArray[np.int64]) -> Floats:
    effects = np.zeros(7)
    for weekday in range(7):
        mine = residuals[(weekdays == weekday) & ~np.isnan(residuals)]
        if len(mine) >= 3:
            effects[weekday] = np.median(mine)
    return effects


def _root(values: Floats) -> Floats:
    """Square root that makes the spread of counts the same at every level (about 1)."""
    return np.asarray(2 * np.sqrt(np.maximum(values, 0) + 0.375))


def _square(root: float) -> float:
    return max(0.0, (max(root, 0.0) / 2) ** 2 - 0.375)
