"""What several places need is said once, or the places are held together: owners, rules, names."""

from __future__ import annotations

import csv
import inspect

import jinja2
import pytest
import yaml

from dashboards import lineage
from dashboards.claim_families import (
    DETECTOR_METRIC,
    bad_debt_claims,
    combination_claim,
    drift_claims,
)
from orchestration import drift_explain, drift_reading, owners
from orchestration.commands.drift import drift
from orchestration.simulation.world import run
from orchestration.workspace import DBT_PROJECT, REPOSITORY


def rows(seed: str) -> list[dict[str, str]]:
    with (DBT_PROJECT / "seeds" / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


CATALOGUE = {row["metric_id"]: row["owner"] for row in rows("metric_catalogue")}
METRIC_OF = {row["detector"]: row["metric_id"] for row in rows("drift_kinds")}


def test_owners_in_code_are_the_owners_of_groups() -> None:
    groups = yaml.safe_load((DBT_PROJECT / "models" / "groups.yml").read_text())["groups"]
    named = {group["owner"]["name"] for group in groups}
    said = {value for name, value in vars(owners).items() if name.endswith("_OWNER")}
    assert said and said <= named
    exposures = yaml.safe_load((DBT_PROJECT / "models" / "exposures.yml").read_text())["exposures"]
    assert {e["owner"]["name"] for e in exposures} <= named | set(CATALOGUE.values())


def test_no_owner_is_written_out_anywhere_else() -> None:
    known = {"metrics-warehouse", *CATALOGUE.values()}
    for folder in ("dashboards", "orchestration", "expectations"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.name != "owners.py":
                assert [name for name in sorted(known) if f'"{name}"' in text] == [], path


def test_a_claim_on_a_metric_is_answered_for_by_the_owner_of_the_catalogue() -> None:
    names = {metric: (owner, "") for metric, owner in CATALOGUE.items()}
    claims = [
        *drift_claims([("stripe", "price_mismatch"), ("zone_plan", "missing_in_www")], names),
        *bad_debt_claims(names),
        combination_claim("011", names),
    ]
    assert {c.claim_id: c.owner for c in claims} == {
        c.claim_id: CATALOGUE[c.metric_id] for c in claims
    }


def test_every_list_of_detectors_is_that_of_the_declared_kinds() -> None:
    detectors = list(METRIC_OF)
    assert list(drift_reading.DETECTORS) == detectors
    assert list(drift_explain.SIDES) == detectors
    assert list(run.DETECTORS) == detectors
    help_text = inspect.get_annotations(drift, eval_str=True)["detector"].__metadata__[0].help
    assert help_text == ", ".join(detectors)
    assert {metric: detector for detector, metric in METRIC_OF.items()} == lineage._DETECTOR
    assert DETECTOR_METRIC.items() <= METRIC_OF.items()


@pytest.mark.parametrize(
    ("file", "macro", "arguments", "said"),
    [
        (
            "is_bad_debt_flagged.sql",
            "is_bad_debt_flagged",
            ("accounts.flags",),
            drift_explain._IS_FLAGGED,
        ),
        (
            "ope_state.sql",
            "ope_catalogue_value",
            ("opes.kind", "opes.value_now"),
            drift_explain._CATALOGUE_VALUE,
        ),
    ],
)
def test_explaining_uses_the_rule_of_the_models(
    file: str, macro: str, arguments: tuple[str, ...], said: str
) -> None:
    text = (DBT_PROJECT / "macros" / file).read_text(encoding="utf-8")
    rendered = getattr(jinja2.Environment().from_string(text).module, macro)(*arguments)
    assert " ".join(rendered.split()) == said


@pytest.mark.parametrize("rule", ["32768", "then 'metered'"])
def test_no_model_writes_out_what_a_macro_says(rule: str) -> None:
    models = (DBT_PROJECT / "models").rglob("*.sql")
    assert [p.stem for p in models if rule in p.read_text(encoding="utf-8")] == []
