"""Engine differences stand in macros/dialect, in two implementations, and nowhere else.

DuckDB's are run. BigQuery's are rendered in every model and parsed by sqlglot's BigQuery grammar,
since dbt's own adapter for it needs a project to log in to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import jinja2.ext
import pytest
import sqlglot

from tests.dbt.conftest import AS_OF, PROJECT, Dbt

MACROS = PROJECT / "macros"
FORBIDDEN = re.compile(
    r"current_timestamp|current_date|\bnow\(|json_extract|json_value|strftime|format_date"
    r"|date_trunc\s*\(|timestamp_diff\s*\(|datediff\s*\(|date_diff\s*\(|timestamp_add\s*\("
    r"|date_add\s*\(|try_cast\s*\(|safe_cast\s*\(|regexp_\w+\s*\(|\bunnest\s*\(|safe_offset"
    r"|\binterval\b|string_split|\bepoch\w*\s*\(|\bgenerate_\w+\s*\(",
    re.IGNORECASE,
)
MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(([^)]*)\)")


def sql_files() -> list[Path]:
    """Every model and singular test, the SQL that both engines run."""
    return sorted((*PROJECT.glob("models/**/*.sql"), *PROJECT.glob("tests/**/*.sql")))


def without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|{#.*?#}", "", sql, flags=re.DOTALL)


def macro_signatures(folder: Path) -> dict[str, str]:
    text = "".join(path.read_text() for path in sorted(folder.rglob("*.sql")))
    return dict(MACRO.findall(text))


@pytest.mark.parametrize("path", sql_files(), ids=lambda p: p.stem)
def test_no_engine_speaks_in_a_model(path: Path) -> None:
    # Calls of our own macros stand inside braces; what is left is plain SQL.
    sql = re.sub(r"{{.*?}}", "", without_comments(path.read_text()), flags=re.DOTALL)
    found = FORBIDDEN.search(sql)
    assert found is None, f"{path.name} uses {found and found.group()!r}: put it in macros/dialect"


def test_every_dialect_macro_has_both_implementations() -> None:
    signatures = macro_signatures(MACROS / "dialect")
    plain = {n: a for n, a in signatures.items() if "__" not in n}
    assert plain
    for name, arguments in plain.items():
        assert signatures.get(f"duckdb__{name}") == arguments, name
        assert signatures.get(f"bigquery__{name}") == arguments, name
    assert len(signatures) == 3 * len(plain)


def test_every_dialect_macro_says_what_it_means() -> None:
    for path in (MACROS / "dialect").glob("*.sql"):
        text = path.read_text()
        for name in macro_signatures_of(text):
            assert re.search(rf"{{#-?\s*{name}:", text), f"{name} in {path.name} has no meaning"


def macro_signatures_of(text: str) -> Iterator[str]:
    return (name for name, _ in MACRO.findall(text) if "__" not in name)


class Returned(Exception):
    """Carries the value of dbt's `return` out of the macro that calls it."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def dbt_return(value: Any) -> None:
    raise Returned(value)


ZONES = SimpleNamespace(
    source_name="raw", name="core__zones", config=SimpleNamespace(meta={"sweep_days": 7})
)


class Stub:
    """Stands for what dbt hands to a template while it renders for BigQuery."""

    type = "bigquery"
    schema = "scratch"

    def __init__(self) -> None:
        self.environment = jinja2.Environment(extensions=["jinja2.ext.do"])
        self.environment.globals.update(
            adapter=self,
            target=self,
            execute=False,
            graph=SimpleNamespace(sources={"zones": ZONES}),
            is_incremental=lambda: False,
            modules=SimpleNamespace(re=re),
            this="`project.layer.this`",
            dbt=SimpleNamespace(type_string=lambda: "string"),
            config=lambda **_: "",
            ref=lambda name: f"`project.layer.{name}`",
            source=lambda schema, name: f"`project.{schema}.{name}`",
            var=lambda name, default=None: AS_OF if name == "as_of" else default,
        )
        self.environment.globals["return"] = dbt_return
        macros = "".join(
            path.read_text()
            for path in sorted(MACROS.rglob("*.sql"))
            if path.parent.name not in ("generic_tests", "materializations")
        )
        self.macros = self.environment.from_string(macros).make_module()
        self.environment.globals.update(
            {
                name: getattr(self.macros, name)
                for name in MACRO.findall(macros)
                for name in name[:1]
                if not name.startswith("_")  # for other macros only; a template hides them
            }
        )

    def dispatch(self, name: str, _package: str = "paygo") -> Any:
        return getattr(self.macros, f"bigquery__{name}")

    def render(self, path: Path) -> str:
        return self.environment.from_string(path.read_text()).render()


@pytest.fixture(scope="module")
def bigquery() -> Iterator[Stub]:
    invoke = jinja2.runtime.Macro._invoke

    def returning(macro: Any, arguments: list[Any], autoescape: bool) -> Any:
        try:
            return invoke(macro, arguments, autoescape)
        except Returned as returned:
            return returned.value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.runtime.Macro, "_invoke", returning)
        yield Stub()


@pytest.mark.parametrize("path", sql_files(), ids=lambda p: p.stem)
def test_models_are_bigquery_sql_too(bigquery: Stub, path: Path) -> None:
    (statement,) = sqlglot.parse(bigquery.render(path), read="bigquery")
    assert statement is not None


def test_a_sentence_of_no_grammar_is_refused(bigquery: Stub, tmp_path: Path) -> None:
    path = tmp_path / "broken.sql"
    path.write_text("select {{ date_of('x') }} from y where and z")
    with pytest.raises(sqlglot.errors.ParseError):
        sqlglot.parse(bigquery.render(path), read="bigquery")


MEANINGS: dict[str, tuple[str, Any]] = {
    "json": ("""json_text("'{\\"a\\": {\\"b\\": 1}}'", '$.a.b')""", "1"),
    "json_absent": ("""json_text("'{}'", '$.a.b')""", None),
    "first": ("""array_element("['a', 'b']", 0)""", "a"),
    "beyond": ("""array_element("['a', 'b']", 2)""", None),
    "matches": ("""regex_matches("'sub_1:si_2'", '^sub_[0-9]+:')""", True),
    "capture": ("""regex_capture("'sub_1:si_2'", ':(si_[0-9]+)$')""", "si_2"),
    "no_capture": ("""regex_capture("'ADMIN:x'", ':(si_[0-9]+)$')""", None),
    "day": ("""date_of("timestamp '2026-03-01 23:59:59.999999'")""", date(2026, 3, 1)),
    "day_start": ("""start_of_day("date '2026-03-01'")""", datetime(2026, 3, 1)),  # noqa: DTZ001
    "day_end": ("""end_of_day("date '2026-02-28'")""", datetime(2026, 3, 1)),  # noqa: DTZ001
    "days": ("""days_between("date '2026-02-27'", "date '2026-03-02'")""", 3),
    "plus_days": ("""date_plus_days("date '2026-02-27'", 2)""", date(2026, 3, 1)),
    "plus_seconds": (
        """timestamp_plus_seconds("timestamp '2026-02-28 23:59:59'", 2)""",
        datetime(2026, 3, 1, 0, 0, 1),  # noqa: DTZ001
    ),
    "seconds": (
        """seconds_between("timestamp '2026-03-01'", "timestamp '2026-03-01 00:00:01.5'")""",
        Decimal("1.5"),
    ),
    "micros": (
        """seconds_between("timestamp '2026-03-01 00:00:00.000003'", "timestamp '2026-03-01'")""",
        Decimal("-0.000003"),
    ),
    "hours": (
        """hours_between("timestamp '2026-03-01 00:30:00'", "timestamp '2026-03-01 02:29:59'")""",
        1,
    ),
    "week_of_new_year": ("""iso_week_label("date '2027-01-01'")""", "2026-W53"),
    "week_of_sunday": ("""iso_week_label("date '2026-01-04'")""", "2026-W01"),
    "monday": ("""iso_week_start("date '2026-01-04'")""", date(2025, 12, 29)),
    "monday_itself": ("""iso_week_start("date '2025-12-29'")""", date(2025, 12, 29)),
    "no_number": ("""safe_cast_as("'12x'", 'bigint')""", None),
    "number": ("""safe_cast_as("'12'", 'bigint')""", 12),
    "zulu": (
        """safe_cast_as("'2026-03-01T10:00:00Z'", 'timestamp')""",
        datetime(2026, 3, 1, 10),  # noqa: DTZ001
    ),
    "hash": ("""stable_hash("'a'")""", "0cc175b9c0f1b6a831c399e269772661"),
}
AGGREGATES: dict[str, tuple[str, Any]] = {
    "p50": ("nearest_rank('n', 50)", 10),
    "p95": ("nearest_rank('n', 95)", 19),
    "p99": ("nearest_rank('n', 99)", 20),
    "texts": ("text_list('parity', ';')", "even;odd"),
}


def test_dialect_macros_mean_on_duckdb_what_they_say(built: Dbt) -> None:
    cases = {**MEANINGS, **AGGREGATES}
    single = ",\n".join(f"{{{{ {call} }}}} as {name}" for name, (call, _) in MEANINGS.items())
    grouped = ",\n".join(f"{{{{ {call} }}}} as {name}" for name, (call, _) in AGGREGATES.items())
    inline = (
        "{{ config(materialized='table') }} with numbers as (select n, case when n % 2 = 0 then "
        "'even' else 'odd' end as parity from {{ unnest_array(split_text("
        "\"'1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20'\", ','), 'text') }} "
        "cross join (select 1 as one) as one_row, lateral (select cast(text as bigint) as n) "
        f"as numbered) select * from (select {single}) as singles "
        f"cross join (select {grouped} from numbers) as aggregates"
    )
    done = built.run("compile", "--inline", inline, "--quiet")
    assert done.returncode == 0, done.stdout
    (values,) = built.rows(done.stdout[done.stdout.index("with numbers") :])
    assert dict(zip(cases, values, strict=True)) == {n: want for n, (_, want) in cases.items()}
