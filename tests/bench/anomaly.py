"""The seasonal expectation beside a plain 3-sigma rule on simulated years of known series.

Every series is what a metric of its kind looks like: weekdays, month ends, drift, noise beyond
Poisson. Clean years give false alarms; faults planted one at a time give detections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from expectations.seasonal import edge_of_month, expected

FIRST = date(2024, 10, 1)
WARM_UP = 100
DAYS = 365
SIGMA_DAYS = 28

Series = np.ndarray[Any, np.dtype[np.float64]]
Rule = Callable[[Series, date, str], bool]


@dataclass(frozen=True)
class Kind:
    """A shape of series: mean a day, weekend share, factor at the month's edges, spread."""

    name: str
    value_kind: str
    mean: float
    weekend: float
    edge: float
    dispersion: float


KINDS = (
    Kind("billing flow", "flow_day", 50, 0.8, 2.5, 0.02),
    Kind("tickets", "flow_day", 12, 0.25, 1.0, 0.05),
    Kind("rare events", "flow_day", 2, 1.0, 1.0, 0.1),
    Kind("busy flow", "flow_day", 800, 0.6, 1.8, 0.005),
    Kind("stock", "stock", 40, 0.7, 2.0, 0.05),
    Kind("lag", "percentile_day", 1.5, 0.9, 1.3, 0.0),
)
FAULTS = {"doubled": 2.0, "tripled": 3.0, "a third": 0.33, "nothing at all": 0.0}


def year(kind: Kind, rng: np.random.Generator) -> tuple[Series, list[date]]:
    """Return daily values (warm-up included) and their days."""
    days = [FIRST + timedelta(days=n) for n in range(WARM_UP + DAYS)]
    drift = np.exp(np.cumsum(rng.normal(0, 0.004, len(days))))
    shape = np.array(
        [
            (kind.weekend if d.weekday() >= 5 else 1.0) * (kind.edge if edge_of_month(d) else 1.0)
            for d in days
        ]
    )
    mean = kind.mean * drift * shape
    if kind.value_kind == "percentile_day":
        return mean * np.exp(rng.normal(0, 0.12, len(days))), days
    noise = rng.gamma(1 / kind.dispersion, kind.dispersion, len(days))
    flow = rng.poisson(mean * noise).astype(np.float64)
    if kind.value_kind == "stock":
        leaving = rng.poisson(kind.mean * drift * 0.95).astype(np.float64)
        return 5000 + np.cumsum(flow - leaving), days
    return flow, days


def seasonal(values: Series, day: date, value_kind: str) -> bool:
    """Tell whether the last value is an alarm by the seasonal expectation."""
    band = expected(values, day, value_kind)
    assert band is not None
    return not band.low <= values[-1] <= band.high


def three_sigma(values: Series, day: date, value_kind: str) -> bool:
    """The plain rule: beyond three standard deviations of the last four weeks."""
    known = np.diff(values) if value_kind == "stock" else values
    past = known[-SIGMA_DAYS - 1 : -1]
    return bool(abs(known[-1] - past.mean()) > 3 * past.std(ddof=1))


RULES: dict[str, Rule] = {"seasonal": seasonal, "3-sigma": three_sigma}


def table(seeds: int) -> Iterator[dict[str, Any]]:
    """Yield false alarms a year, and detection rates by fault, of every kind and rule."""
    for kind in KINDS:
        alarms = dict.fromkeys(RULES, 0)
        found = {rule: dict.fromkeys(FAULTS, 0) for rule in RULES}
        planted = 0
        for seed in range(seeds):
            rng = np.random.default_rng([seed, KINDS.index(kind)])
            values, days = year(kind, rng)
            for at in range(WARM_UP, len(days)):
                for rule, judge in RULES.items():
                    alarms[rule] += judge(values[: at + 1], days[at], kind.value_kind)
            for at in rng.choice(np.arange(WARM_UP, len(days)), 24, replace=False):
                planted += 1
                for fault, factor in FAULTS.items():
                    broken = damaged(values, int(at), kind, factor)
                    for rule, judge in RULES.items():
                        hit = judge(broken, days[at], kind.value_kind)
                        found[rule][fault] += hit
        for rule in RULES:
            rates = {fault: found[rule][fault] / planted for fault in FAULTS}
            yield {"kind": kind.name, "rule": rule, "alarms": alarms[rule] / seeds, **rates}


def damaged(values: Series, at: int, kind: Kind, factor: float) -> Series:
    """Return the series up to a day on which its flow is multiplied; of a stock, what is added."""
    broken = values[: at + 1].copy()
    if kind.value_kind == "stock":
        broken[-1] = broken[-2] + (broken[-1] - broken[-2]) + kind.mean * (factor - 1) * 3
    else:
        broken[-1] = broken[-1] * factor
    return broken


def measure(seeds: int = 20) -> list[dict[str, Any]]:
    """Print the table and return the rows of the bench: both rates against the plain rule."""
    rows = list(table(seeds))
    _print(rows)
    sums = {r: [row for row in rows if row["rule"] == r] for r in RULES}
    alarms = {r: sum(row["alarms"] for row in mine) / len(mine) for r, mine in sums.items()}
    hits = {
        r: sum(sum(row[f] for f in FAULTS) for row in mine) / len(mine) / len(FAULTS)
        for r, mine in sums.items()
    }
    return [
        {
            "name": f"false alarms of the seasonal expectation ({seeds} years a kind of series)",
            "value": alarms["seasonal"],
            "unit": "a series and year",
            "against": f"3-sigma: {alarms['3-sigma']:.2f}",
            "ratio": alarms["seasonal"] / alarms["3-sigma"],
            "limit": 0.5,
            "better": "lower",
        },
        {
            "name": "planted faults found by the seasonal expectation",
            "value": 100 * hits["seasonal"],
            "unit": "%",
            "against": f"3-sigma: {100 * hits['3-sigma']:.0f} %",
            "ratio": hits["seasonal"] / hits["3-sigma"],
            "limit": 1.0,
            "better": "higher",
        },
    ]


def _print(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table("series", "rule", "false alarms a year", *(f"{f} found" for f in FAULTS))
    for row in rows:
        rates = (f"{100 * row[f]:.0f} %" for f in FAULTS)
        shown.add_row(row["kind"], row["rule"], f"{row['alarms']:.1f}", *rates)
    Console(width=140).print(shown)
