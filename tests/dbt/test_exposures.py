"""What dbt is told of its readers is what their code reads: exposures against the sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
MODELS = REPOSITORY / "dbt_project" / "models"
PUBLIC = {p.stem for layer in ("marts", "reporting") for p in (MODELS / layer).rglob("*.sql")}
NAMED = re.compile(
    r"\b(?:reporting|marts)\.(\w+)"  # in a query
    r"""|["']((?:rpt|fct|dim|bridge)_\w+)["']"""  # as a name of its own, or in a ref
)
READING = ("dashboards", "orchestration", "expectations", "dbt_project/analyses")


def declared() -> list[dict[str, Any]]:
    text = (MODELS / "exposures.yml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["exposures"]
    return found


def code_of(exposure: dict[str, Any]) -> set[Path]:
    """The files that an exposure stands for, as its globs name them."""
    files = set()
    for pattern in exposure["config"]["meta"]["code"]:
        matched = {p for p in REPOSITORY.glob(pattern) if p.is_file()}
        assert matched, f"{exposure['name']}: {pattern} matches no file"
        files |= matched
    return files


def read_by(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return {name for match in NAMED.finditer(text) for name in match.groups() if name}


def test_every_exposure_names_what_its_code_reads() -> None:
    for exposure in declared():
        said = {ref.removeprefix("ref('").removesuffix("')") for ref in exposure["depends_on"]}
        read = set().union(*(read_by(path) for path in code_of(exposure)))
        assert read - PUBLIC == set(), f"{exposure['name']} reads what no model is"
        assert said == read, exposure["name"]


def test_no_code_reads_a_model_outside_of_every_exposure() -> None:
    covered = set().union(*(code_of(exposure) for exposure in declared()))
    loose = {
        path.relative_to(REPOSITORY).as_posix(): read_by(path) & PUBLIC
        for folder in READING
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in {".py", ".j2", ".sql", ".yml", ".md"} and path not in covered
    }
    assert {name: read for name, read in loose.items() if read} == {}
