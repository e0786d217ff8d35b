"""Each macro of `macros/dialect` on both engines: how it is called, with which values, and where.

`CALLS` gives for every macro the values that its documented domain allows. A value is written as a
literal of each engine; results come back as text in one form, so that they can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jinja2
from hypothesis import strategies as st

from tests.bigquery.zetasql_engine import evaluate

FOLDER = Path(__file__).parents[2] / "dbt_project" / "macros" / "dialect"

BOUNDARIES = [
    date(2025, 12, 28), date(2025, 12, 29), date(2026, 1, 1), date(2026, 1, 4), date(2026, 1, 5),
    date(2024, 2, 29), date(2024, 12, 30), date(2026, 12, 31), date(2027, 1, 1), date(2000, 1, 1),
    date(2021, 1, 3), date(1999, 12, 31),
]  # fmt: skip


@dataclass(frozen=True)
class Typed:
    """A value and the kind of literal it is."""

    kind: str
    value: Any

    def literal(self, engine: str) -> str:
        null = {
            "text": "string", "json": "string", "date": "date", "timestamp": "timestamp",
            "int": "bigint",
        }  # fmt: skip
        value = self.value
        if value is None:
            return f"cast(null as {null[self.kind]})"
        if self.kind in ("text", "json"):
            return text_literal(value, engine)
        if self.kind == "date":
            return f"date '{value.isoformat()}'"
        if self.kind == "timestamp":
            zone = "+00" if engine == "bigquery" else ""
            return f"timestamp '{value.strftime('%Y-%m-%d %H:%M:%S.%f')}{zone}'"
        if self.kind == "array":
            items = ", ".join(text_literal(item, engine) for item in value)
            # An empty array says nothing of its type by itself.
            empty = "cast([] as varchar[])" if engine == "duckdb" else "array<string>[]"
            return f"[{items}]" if value else empty
        return str(value)


def text_literal(value: str, engine: str) -> str:
    if engine == "duckdb":
        return "'" + value.replace("'", "''") + "'"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return "'" + escaped.replace("\r", "\\r") + "'"


def typed(kind: str, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Typed]:
    return st.one_of(st.none(), strategy).map(lambda value: Typed(kind, value))


def given(kind: str, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Typed]:
    return strategy.map(lambda value: Typed(kind, value))


dates = st.one_of(
    st.sampled_from(BOUNDARIES), st.dates(min_value=date(1970, 1, 1), max_value=date(2200, 1, 1))
)
moments = st.one_of(
    st.sampled_from([datetime(d.year, d.month, d.day) for d in BOUNDARIES]),  # noqa: DTZ001
    st.sampled_from([datetime(d.year, d.month, d.day, 23, 59, 59, 999999) for d in BOUNDARIES]),  # noqa: DTZ001
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)),  # noqa: DTZ001
)
texts = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\x00"), max_size=12
)
ids = st.from_regex(
    r"(sub_[A-Za-z0-9]{1,4}:si_[A-Za-z0-9]{1,4}|ADMIN:.{0,5}|[a-z]{0,6})", fullmatch=True
)
small = st.integers(-400, 400)
DATE, MOMENT, TEXT = typed("date", dates), typed("timestamp", moments), typed("text", texts)
WHOLE = given("int", small)
ARRAY = given("array", st.lists(texts, max_size=4))


def json_bodies() -> st.SearchStrategy[str]:
    """A scalar at `$.a.b`, or something else in its place."""
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.text("aü☃0 _-:/", max_size=6)
    )
    import json

    return st.one_of(
        scalars.map(lambda v: json.dumps({"a": {"b": v}}, ensure_ascii=False)),
        scalars.map(lambda v: json.dumps({"a": {"c": v}})),
        st.just("{}"), st.just('{"a": null}'),
    )  # fmt: skip


@dataclass(frozen=True)
class Call:
    """How a macro is called: values from strategies, fixed arguments after them, its result."""

    values: tuple[st.SearchStrategy[Typed], ...]
    result: str
    fixed: tuple[str, ...] = ()
    wrap: Callable[[str, str], str] | None = None


def over_list(kind: str) -> st.SearchStrategy[Typed]:
    if kind == "int":
        return given("ints", st.lists(st.one_of(st.none(), small), max_size=25))
    return given("texts", st.lists(st.text("abAB_-é", min_size=1, max_size=3), max_size=8))


CALLS: dict[str, Call] = {
    "date_plus_days": Call((DATE, WHOLE), "date"),
    "timestamp_plus_hours": Call((MOMENT, WHOLE), "timestamp"),
    "timestamp_plus_seconds": Call((MOMENT, WHOLE), "timestamp"),
    "microseconds_between": Call((MOMENT, MOMENT), "plain"),
    "seconds_between": Call((MOMENT, MOMENT), "number"),
    "hours_between": Call((MOMENT, MOMENT), "plain"),
    "days_between": Call((DATE, DATE), "plain"),
    "iso_week_start": Call((DATE,), "date"),
    "iso_week_label": Call((DATE,), "plain"),
    "date_of": Call((MOMENT,), "date"),
    "moment_text": Call((MOMENT,), "plain"),
    "start_of_day": Call((DATE,), "timestamp"),
    "end_of_day": Call((DATE,), "timestamp"),
    "days_between_array": Call(
        (given("date", st.dates(date(2025, 12, 20), date(2026, 1, 10))),
         given("date", st.dates(date(2025, 12, 20), date(2026, 1, 10)))), "timestamps",
    ),
    "split_text": Call((given("text", st.text("a,;é", min_size=1, max_size=8)),), "texts", (",",)),
    "unnest_array": Call((ARRAY,), "rows", ("item",)),
    "stable_hash": Call((TEXT,), "plain"),
    "safe_cast_as": Call(
        (given("text", st.one_of(
            st.integers(-(2**70), 2**70).map(str), st.sampled_from(["", "x", "12x", "-", "007"])
        )),), "plain", ("bigint",),
    ),
    "json_text": Call((given("json", json_bodies()),), "plain", ("$.a.b",)),
    "array_element": Call((ARRAY, given("int", st.integers(0, 5))), "plain"),
    "regex_matches": Call(
        (typed("text", st.one_of(ids, texts)),), "bool", ("^sub_[A-Za-z0-9_]+:si_[A-Za-z0-9_]+$",)
    ),
    "regex_capture": Call(
        (typed("text", st.one_of(ids, texts)),), "plain", (":(si_[A-Za-z0-9_]+)$",)
    ),
    "nearest_rank": Call((over_list("int"), given("int", st.integers(1, 100))), "plain"),
    "text_list": Call((over_list("text"),), "plain", (";",)),
}  # fmt: skip
"""Every macro but `numeric_type`, which is a type: see the test of numbers."""


class Macros:
    """The dialect macros; `broken` names one (`bigquery__date_of`) and a text in it to replace."""

    def __init__(self, broken: tuple[str, str, str] | None = None) -> None:
        source = "".join(path.read_text() for path in sorted(FOLDER.glob("*.sql")))
        if broken:
            macro, old, new = broken
            start = source.index(f"macro {macro}(")
            end = source.index("endmacro", start)
            assert old in source[start:end], f"{old!r} does not stand in {macro}"
            source = source[:start] + source[start:end].replace(old, new) + source[end:]
        environment = jinja2.Environment()
        environment.globals["return"] = lambda value: value
        self._module = environment.from_string(source).make_module()
        self.names = sorted(
            name for name in re.findall(r"macro (\w+)\(", source) if "__" not in name
        )

    def call(self, name: str, engine: str, values: Sequence[Typed], fixed: Sequence[str]) -> str:
        """Return the SQL of one call, its result as a text that both engines write alike."""
        macro = getattr(self._module, f"{engine}__{name}")
        call = CALLS[name]
        if call.values and values and values[0].kind in ("ints", "texts"):
            rest = [v.literal(engine) for v in values[1:]]
            return self._aggregate(macro, engine, values[0], [*rest, *fixed], name)
        literals = [value.literal(engine) for value in values]
        sql = str(macro(*literals, *fixed)).strip()
        if call.result == "rows":
            return f"(select string_agg(item, '|' order by item) from {sql})"
        return as_text(sql, call.result, engine)

    def _aggregate(self, macro: Any, engine: str, listed: Typed, rest: list[str], name: str) -> str:
        kind = "int" if listed.kind == "ints" else "text"
        rows = [Typed(kind, None), *(Typed(kind, v) for v in listed.value)]
        values = " union all ".join(f"select {v.literal(engine)} as x" for v in rows)
        sql = str(macro("x", *rest)).strip()
        return f"(select {as_text(sql, CALLS[name].result, engine)} from ({values}) as listed)"


def as_text(sql: str, result: str, engine: str) -> str:
    """Write a result as text; a missing one stays missing."""
    if result == "timestamp":
        if engine == "duckdb":
            return f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%f')"
        return f"format_timestamp('%Y-%m-%d %H:%M:%E6S', {sql}, 'UTC')"
    if result == "timestamps":
        if engine == "duckdb":
            return f"array_to_string(list_transform({sql}, lambda t: strftime(t, '%Y-%m-%d')), ',')"
        return (
            f"array_to_string(array(select format_timestamp('%Y-%m-%d', t, 'UTC') "
            f"from unnest({sql}) as t), ',')"
        )
    if result == "texts":
        return f"array_to_string({sql}, '|')"
    return f"cast({sql} as string)"


def normal(value: str | None, result: str) -> str | None:
    if value is None:
        return None
    if result == "number":
        return str(Decimal(value).normalize())
    if result == "timestamps":
        return value or None
    return value


def run_duckdb(expressions: Sequence[str]) -> list[Any]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'")
        row = connection.execute(f"select {', '.join(expressions)}").fetchone()
    assert row is not None
    return list(row)


def run_zetasql(expressions: Sequence[str]) -> list[Any]:
    named = ", ".join(f"{sql} as c{i}" for i, sql in enumerate(expressions))
    return evaluate(f"select {named}")


def disagreements(
    macros: Macros, name: str, cases: Sequence[Sequence[Typed]]
) -> list[tuple[Any, Any, Any]]:
    """Return (values, DuckDB's result, ZetaSQL's result) of every case in which they differ."""
    call = CALLS[name]
    ours = run_duckdb([macros.call(name, "duckdb", values, call.fixed) for values in cases])
    theirs = run_zetasql([macros.call(name, "bigquery", values, call.fixed) for values in cases])
    return [
        ([v.value for v in values], left, right)
        for values, left, right in zip(cases, ours, theirs, strict=True)
        if normal(left, call.result) != normal(right, call.result)
    ]


__all__ = ["CALLS", "UTC", "Macros", "Typed", "disagreements", "run_duckdb", "run_zetasql"]
