"""The same meaning: each dialect macro gives the same on ZetaSQL's reference engine and on DuckDB.

Values are generated within the domain that the macro documents. Ten seeded mistakes, of kinds that
people make, must each be caught, or the comparison proves nothing.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.bigquery.dialect_cases import (
    CALLS,
    Macros,
    disagreements,
    run_duckdb,
    run_zetasql,
)
from tests.bigquery.zetasql_engine import Refused

REPEATABLE = settings(
    max_examples=2,
    phases=(Phase.generate,),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CASES = 30


def cases_of(name: str) -> st.SearchStrategy[list[tuple[object, ...]]]:
    return st.lists(st.tuples(*CALLS[name].values), min_size=CASES, max_size=CASES)


def check(macros: Macros, name: str) -> None:
    """Compare both engines over generated values. AssertionError names the first differences."""

    @REPEATABLE
    @given(cases=cases_of(name))
    def compared(cases: list[tuple[object, ...]]) -> None:
        assert disagreements(macros, name, cases)[:3] == []  # type: ignore[arg-type]

    compared()


def test_every_macro_is_compared() -> None:
    assert sorted([*CALLS, "numeric_type"]) == Macros().names


@pytest.mark.parametrize("name", sorted(CALLS))
def test_engines_agree(name: str) -> None:
    check(Macros(), name)


@REPEATABLE
@given(
    st.lists(
        st.decimals(
            min_value=Decimal(-(10**28)), max_value=Decimal(10**28), places=11, allow_nan=False
        ),
        min_size=CASES, max_size=CASES,
    )
)  # fmt: skip
def test_numbers_are_exact_to_nine_decimals_and_round_alike(values: list[Decimal]) -> None:
    ours = run_duckdb([f"cast(cast('{v:f}' as decimal(38, 9)) as string)" for v in values])
    theirs = run_zetasql([f"cast(cast('{v:f}' as numeric) as string)" for v in values])
    assert [Decimal(v) for v in ours] == [Decimal(v) for v in theirs]
    import decimal

    with decimal.localcontext(prec=60):
        rounded = [v.quantize(Decimal("1e-9"), ROUND_HALF_UP) for v in values]
    assert [Decimal(v) for v in ours] == rounded


MISTAKES = {
    "the week starts on Sunday": ("bigquery__iso_week_start", "isoweek", "week"),
    "calendar year beside ISO week": ("bigquery__iso_week_label", "%G-W%V", "%Y-W%V"),
    "microseconds cut to milliseconds": (
        "bigquery__microseconds_between",
        "microsecond)",
        "millisecond) * 1000",
    ),
    "boundaries crossed instead of complete hours": (
        "duckdb__hours_between",
        "date_sub('hour'",
        "date_diff('hour'",
    ),
    "seconds without their fraction": ("bigquery__seconds_between", "numeric", "int64"),
    "difference the wrong way round": (
        "bigquery__days_between",
        "{{ to_date }}, {{ from_date }}",
        "{{ from_date }}, {{ to_date }}",
    ),
    "positions counted from one": ("bigquery__array_element", "safe_offset", "safe_ordinal"),
    "an error instead of null beyond the end": ("bigquery__array_element", "safe_offset", "offset"),
    "rank rounded down": ("bigquery__nearest_rank", " + 99", ""),
    "texts listed more than once": ("bigquery__text_list", "distinct ", ""),
    "a cast that stops the query": ("bigquery__safe_cast_as", "safe_cast(", "cast("),
    "the end of the day is its last second": (
        "bigquery__end_of_day",
        "interval 1 day",
        "interval 86399 second",
    ),
    "a moment cast to text, zone and all": (
        "bigquery__moment_text",
        "format_timestamp('%Y-%m-%d %H:%M:%S', {{ timestamp_expr }}, 'UTC')",
        "cast({{ timestamp_expr }} as string)",
    ),
    "JSON text with its quotes": ("bigquery__json_text", "json_value", "json_query"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_seeded_mistake_is_caught(mistake: str) -> None:
    broken = MISTAKES[mistake]
    with pytest.raises((AssertionError, Refused)):
        check(Macros(broken), broken[0].split("__")[1])
