"""The seasonal expectation knows weekdays and month ends, and is not fooled by yesterday."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from expectations.seasonal import NEEDED_DAYS, edge_of_month, expected
from tests.bench.anomaly import KINDS, WARM_UP, seasonal, three_sigma, year

LAST = date(2026, 3, 18)


def flow(days: int, last: date = LAST, *, edge: float = 1, weekend: float = 1) -> list[float]:
    """A flow of about 100 a day up to `last`, a little uneven."""
    values = []
    for n in range(days - 1, -1, -1):
        day = last - timedelta(days=n)
        factor = (edge if edge_of_month(day) else 1) * (weekend if day.weekday() >= 5 else 1)
        values.append(100 * factor + (n * 7) % 11 - 5)
    return values


def is_alarm(values: list[float], last: date = LAST, kind: str = "flow_day") -> bool:
    band = expected(values, last, kind)
    assert band is not None
    return not band.low <= values[-1] <= band.high


@pytest.mark.parametrize(
    ("factor", "alarm"), [(1.0, False), (1.2, False), (2.0, True), (0.0, True)]
)
def test_a_flow_far_from_its_level_is_an_alarm(factor: float, alarm: bool) -> None:
    values = flow(90)
    values[-1] *= factor
    assert is_alarm(values) is alarm


def test_a_quiet_weekend_is_none_and_a_quiet_weekday_is_one() -> None:
    sunday, wednesday = date(2026, 3, 15), LAST
    assert not is_alarm(flow(90, sunday, weekend=0.3), sunday)
    values = flow(90, wednesday, weekend=0.3)
    values[-1] *= 0.3
    assert is_alarm(values, wednesday)


def test_a_peak_at_the_month_end_is_expected_once_it_was_seen() -> None:
    month_end = date(2026, 3, 31)
    values = flow(95, month_end, edge=2.5)
    assert not is_alarm(values, month_end)
    assert three_sigma(np.array(values), month_end, "flow_day")
    ordinary = flow(95, date(2026, 3, 25), edge=2.5)
    ordinary[-1] *= 2.5
    assert is_alarm(ordinary, date(2026, 3, 25))


def test_an_outage_last_week_does_not_hide_the_one_of_today() -> None:
    values = flow(90)
    values[-4:-1] = [0, 0, 0]
    values[-1] = 0
    assert is_alarm(values)


def test_a_stock_is_judged_by_its_change() -> None:
    values = list(np.cumsum(flow(90)) + 50_000)
    assert not is_alarm(values, kind="stock")
    values[-1] += 300
    assert is_alarm(values, kind="stock")


def test_a_series_that_stands_still_may_move_by_a_little() -> None:
    assert not is_alarm([7.0] * 40 + [9.0], kind="stock")
    assert is_alarm([7.0] * 40 + [70.0], kind="stock")
    assert not is_alarm([0.0] * 40 + [1.0])


def test_a_past_too_short_gives_no_band() -> None:
    assert expected(flow(NEEDED_DAYS), LAST, "flow_day") is None
    assert expected(flow(NEEDED_DAYS + 1), LAST, "flow_day") is not None
    gaps = [float("nan")] * 40 + flow(NEEDED_DAYS)
    assert expected(gaps, LAST, "flow_day") is None


def test_days_without_a_value_are_left_out() -> None:
    values = flow(90)
    values[40:50] = [float("nan")] * 10
    assert not is_alarm(values)


def test_edges_of_the_month() -> None:
    days = (date(2026, 2, 26), date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1))
    assert [edge_of_month(d) for d in days] == [0, -2, -1, 1]
    assert [edge_of_month(date(2028, 2, d)) for d in (27, 28, 29)] == [0, -2, -1]


def test_over_a_year_of_billing_it_alarms_far_less_than_three_sigma() -> None:
    kind = KINDS[0]
    values, days = year(kind, np.random.default_rng(5))
    spans = [(values[: at + 1], days[at]) for at in range(WARM_UP, len(days))]
    alarms = sum(seasonal(v, d, kind.value_kind) for v, d in spans)
    plain = sum(three_sigma(v, d, kind.value_kind) for v, d in spans)
    assert alarms <= 4
    assert plain >= 15
