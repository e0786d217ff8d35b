"""What BigQuery refuses although ZetaSQL's analyzer accepts it, looked for in the models' text."""

from __future__ import annotations

import re

from tests.bigquery.project import DBT_PROJECT


def test_no_contract_gives_a_type_parameters_on_bigquery() -> None:
    """dbt casts to a contract's types, and `cast(x as decimal(38, 9))` is refused there."""
    found = {
        f"{path.name}:{number}": line.strip()
        for path in (DBT_PROJECT / "models").rglob("*.yml")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"data_type:.*\(", line)
    }
    assert len(found) > 20
    assert {
        k: v for k, v in found.items() if "'numeric' if target.type == 'bigquery'" not in v
    } == {}


def test_no_model_casts_to_a_type_with_parameters() -> None:
    texts = {p: p.read_text("utf-8") for p in (DBT_PROJECT / "models").rglob("*.sql")}
    cast = re.compile(r"cast\([^()]* as \w+\(", re.IGNORECASE)
    assert [p.name for p, text in texts.items() if cast.search(text)] == []


def test_no_model_casts_a_moment_to_text() -> None:
    """BigQuery adds the zone to it and DuckDB does not: `moment_text` says the same on both."""
    cast = re.compile(r"cast\([^()]*(_at|as_of|_from|_to|_until) as string\)", re.IGNORECASE)
    files = (DBT_PROJECT / "models").rglob("*.sql")
    assert [p.name for p in files if cast.search(p.read_text("utf-8"))] == []
