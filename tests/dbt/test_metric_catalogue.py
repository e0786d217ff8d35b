"""The catalogue, the metric models and the list that unites them name the same metrics."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from orchestration.sources.contract import CONTRACT

PROJECT = Path(__file__).parents[2] / "dbt_project"


def _catalogue() -> list[dict[str, str]]:
    with (PROJECT / "seeds" / "metric_catalogue.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_catalogue_row_has_a_model_and_every_model_a_row() -> None:
    models = {p.stem.removeprefix("metric_") for p in PROJECT.glob("models/**/metric_*.sql")}
    assert models == {row["metric_id"] for row in _catalogue()}


def test_the_union_lists_every_metric_once_in_order() -> None:
    macro = (PROJECT / "macros" / "metrics.sql").read_text()
    listed = re.findall(r"^\s+'(\w+)',$", macro.split("{{ return(ids) }}")[0], re.MULTILINE)
    assert listed == sorted({row["metric_id"] for row in _catalogue()})


def test_every_metric_model_asks_for_the_days_of_its_own_metric() -> None:
    for path in PROJECT.glob("models/**/metric_*.sql"):
        metric_id = path.stem.removeprefix("metric_")
        sql = path.read_text()
        assert f"where metric_id = '{metric_id}'" in sql, path.name
        assert f"metric_rows('{metric_id}')" in sql, path.name


def test_every_stream_of_the_catalogue_is_in_the_contract() -> None:
    known = {table.stream for table in CONTRACT}
    for row in _catalogue():
        streams = row["streams"].split(";")
        assert set(streams) <= known, row["metric_id"]
        assert len(set(streams)) == len(streams), row["metric_id"]


def test_every_stream_of_the_contract_is_counted() -> None:
    sql = (PROJECT / "models/intermediate/time/int_time__stream_rows.sql").read_text()
    counted = dict(re.findall(r"^\s+'(\w+\.\w+)': '(\w+)',$", sql, re.MULTILINE))
    expected = {t.stream: f"stg_{t.source}__{t.entities}" for t in CONTRACT}
    assert counted == expected
