"""How values are written, and that drawings are the same for the same data."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import charts
from dashboards.format import NO_VALUE, canonical, number_of, readable, series
from dashboards.render import label

MIDNIGHT = datetime.fromisoformat("2026-03-22T00:00:00")
POINTS = [(f"2026-03-{day:02}", (Decimal(90 + day % 7), Decimal(day % 5))) for day in range(1, 29)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (73517, "73517"),
        (Decimal("35.000000000"), "35"),
        (Decimal("100"), "100"),
        (Decimal("-0.2500"), "-0.25"),
        (0.1, "0.1"),
        (48.0, "48"),
        (True, "true"),
        (date(2026, 3, 21), "2026-03-21"),
        (MIDNIGHT, "2026-03-22T00:00:00Z"),
        ("W12", "W12"),
    ],
)
def test_canonical_text(value: object, text: str | None) -> None:
    assert canonical(value) == text


def test_a_list_is_no_single_value() -> None:
    with pytest.raises(TypeError, match="not list"):
        canonical([1])


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12)))
def test_canonical_text_is_exact(value: Decimal) -> None:
    text = canonical(value)
    assert text is not None and Decimal(text) == value
    assert canonical(Decimal(text)) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_readable_integers_lose_nothing(value: int) -> None:
    assert int(readable(value, "integer").replace(",", "").replace("−", "-")) == value


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (73517, "number", "73,517"),
        (Decimal("34.142857"), "number", "34.1"),
        (Decimal("1.25"), "number", "1.25"),
        (Decimal("-27.4"), "percent", "27 %"),
        (Decimal("4.25"), "percent", "4.3 %"),
        (0, "percent", "0 %"),
        (54, "age", "2 days"),
        (47, "age", "47 hours"),
        (48, "age", "2 days"),
        (1, "age", "1 hour"),
        (71.9, "age", "2 days"),
        (54.5, "hours", "54.5 h"),
        (MIDNIGHT, "moment", "22 Mar 00:00 UTC"),
        (date(2026, 3, 21), "date", "21 Mar 2026"),
        (None, "number", NO_VALUE),
    ],
)
def test_readable_text(value: object, kind: str, text: str) -> None:
    assert readable(value, kind) == text  # type: ignore[arg-type]


def test_number_of_leaves_text_and_truth_alone() -> None:
    assert number_of("48") is None
    assert number_of(True) is None
    assert number_of(float("nan")) is None
    assert number_of(Decimal("2.5")) == Decimal("2.5")


@given(st.lists(st.tuples(st.dates(), st.integers(0, 10**9), st.integers(0, 99)), max_size=40))
def test_series_reads_what_a_claim_yields(rows: list[tuple[date, int, int]]) -> None:
    text = ",".join(f"{day.isoformat()}={a}/{b}" for day, a, b in rows)
    assert series(text) == [(d.isoformat(), (Decimal(a), Decimal(b))) for d, a, b in rows]


def test_label_marks_only_words_with_a_digit() -> None:
    assert label("Pipe lag p95") == 'Pipe lag <span data-label="name">p95</span>'
    assert label("<b>1</b>") == "&lt;b&gt;1&lt;/b&gt;"
    assert label("of W12, 98 percent") == 'of <span data-label="name">W12,</span> 98 percent'


@pytest.mark.parametrize(
    "draw",
    [
        charts.daily_line,
        charts.flow_bars,
        charts.open_and_new,
        lambda points: charts.weekly_bars(points, Decimal(120)),
        lambda points: charts.metric_line(points, [("warning", Decimal(95))], ["2026-03-29"]),
    ],
)
def test_drawings_are_deterministic_and_themed(draw: object) -> None:
    assert callable(draw)
    svg = draw(POINTS)
    assert svg == draw(POINTS)
    assert svg.startswith("<svg viewBox=")
    assert " id=" not in svg and "#" not in svg
    assert "var(--" in svg
    assert not re.search(r"\d\.\d{3,}", svg)
    changed = [*POINTS[:-1], (POINTS[-1][0], (Decimal(17), Decimal(3)))]
    assert draw(changed) != svg
    assert draw([]) == ""


def test_sparkline_stays_open_where_evidence_ends() -> None:
    whole, cut = charts.sparkline(POINTS), charts.sparkline(POINTS, 2)
    assert whole == charts.sparkline(POINTS)
    assert 'class="gap"' in cut and 'class="old"' in cut
    assert 'class="gap"' not in whole and 'class="end"' in whole
    assert charts.sparkline(POINTS[:1]) == ""


def test_metric_line_draws_levels_and_the_days_without_evidence() -> None:
    svg = charts.metric_line(POINTS, [("critical", Decimal(99))], ["2026-03-29", "2026-03-30"])
    assert ">critical</text>" in svg
    assert "var(--critical)" in svg and "var(--stale)" in svg
    assert "var(--series)" in svg
    assert "var(--stale)" not in charts.metric_line(POINTS, [], [])
