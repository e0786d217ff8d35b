"""The dbt project and the raw contract say the same; every model documents what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.sources.contract import CONTRACT, META_COLUMNS, RawTable
from orchestration.warehouse.ops import OPS_TABLES, ops_columns
from tests.dbt.conftest import PROJECT, Dbt

MODELS = PROJECT / "models"
DATA_TYPES = {
    "string": "string",
    "int64": "bigint",
    "bool": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "numeric": "numeric",
    "string_array": "array of string",
    "json": "json text",
}


def source_tables(source: str) -> dict[str, dict[str, Any]]:
    """Tables of one dbt source by name, as the YAML declares them."""
    text = (MODELS / "staging" / f"_{source}_sources.yml").read_text()
    (declared,) = yaml.safe_load(text)["sources"]
    assert declared["name"] == source
    return {t["name"]: t for t in declared["tables"]}


def staging_name(table: RawTable) -> str:
    return f"stg_{table.source}__{table.entities}"


def test_raw_sources_are_the_contract() -> None:
    tables = source_tables("raw")
    assert list(tables) == [t.raw_name for t in CONTRACT]
    for contract in CONTRACT:
        declared = tables[contract.raw_name]
        expected = [(c.name, DATA_TYPES[c.type]) for c in (*contract.landed_columns, *META_COLUMNS)]
        assert [(c["name"], c["data_type"]) for c in declared["columns"]] == expected
        meta = declared["config"]["meta"]
        assert meta["dagster"]["asset_key"] == ["raw", contract.source, contract.name]
        assert meta.get("sweep_days", 0) == contract.sweep_days


def test_every_stream_of_the_contract_has_a_default_window(built: Dbt) -> None:
    rows = built.rows(
        "select stream, source, default_window_hours from intermediate.int_time__streams"
    )
    assert sorted(rows) == sorted((t.stream, t.source, 26 + 24 * t.sweep_days) for t in CONTRACT)


def test_ops_sources_are_the_ops_schema() -> None:
    tables = source_tables("ops")
    assert list(tables) == list(OPS_TABLES)
    for name, declared in tables.items():
        assert tuple(c["name"] for c in declared["columns"]) == ops_columns(name)


@pytest.mark.parametrize("contract", CONTRACT, ids=lambda t: t.stream)
def test_staging_shows_every_landed_column(built: Dbt, contract: RawTable) -> None:
    landed = [c.name for c in contract.landed_columns]
    name = staging_name(contract)
    assert built.columns["staging", name] == [*landed, "_as_of"]
    assert built.columns["staging", f"{name}_history"] == [
        *landed,
        "valid_from",
        "valid_to",
        "is_deleted",
    ]


def test_there_is_no_other_staging_model() -> None:
    expected = {f"{staging_name(t)}{end}" for t in CONTRACT for end in ("", "_history")}
    assert {p.stem for p in (MODELS / "staging").rglob("*.sql")} == expected


def test_every_version_of_a_stream_has_a_key_test() -> None:
    for contract in CONTRACT:
        path = MODELS / "staging" / contract.source / f"{staging_name(contract)}_history.yml"
        (model,) = yaml.safe_load(path.read_text())["models"]
        (test,) = [t["primary_key"] for t in model["data_tests"] if "primary_key" in t]
        assert test["arguments"]["columns"] == [contract.primary_key, "valid_from"]


def model_files() -> list[Path]:
    """All but the metrics: the catalogue describes those, and their columns are the same."""
    return sorted(p for p in MODELS.rglob("*.sql") if not p.stem.startswith("metric_"))


@pytest.mark.parametrize("path", model_files(), ids=lambda p: p.stem)
def test_every_model_states_its_grain_and_describes_its_columns(built: Dbt, path: Path) -> None:
    first = path.read_text().lstrip().splitlines()[0].lower()
    assert first.startswith("-- grain:"), f"{path.name} does not begin with its grain"
    declared = path.with_suffix(".yml")
    assert declared.exists(), f"{path.name} has no YAML beside it"
    (model,) = yaml.safe_load(declared.read_text())["models"]
    assert model["name"] == path.stem
    assert model["description"].strip()
    described = {c["name"] for c in model["columns"] if c.get("description", "").strip()}
    layer = path.relative_to(MODELS).parts[0]
    assert described == set(built.columns[layer, path.stem])


def test_marts_and_reports_are_held_to_their_types(built: Dbt) -> None:
    for node in built.manifest()["nodes"].values():
        if node["resource_type"] == "model" and node["fqn"][1] in ("marts", "reporting"):
            assert node["config"]["contract"]["enforced"], node["name"]
