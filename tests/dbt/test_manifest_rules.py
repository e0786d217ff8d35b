"""House rules of the models, held over the manifest: grain, columns, contracts, owners, tests."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest

from orchestration.workspace import CATALOGUE_CSV
from tests.dbt.conftest import Dbt

LAYERS = ("staging", "intermediate", "marts", "metrics", "reporting")
CONTRACTED = ("marts", "reporting")
COMPUTES = re.compile(r"\bcase\b|\bsum\(|\bcount\(|\bover \(|\bmin\(|\bmax\(")

# Models that compute and are held by something else than a unit test: a singular test that
# compares their totals, a replay against the truth of simulated worlds, or the questions of
# analysts with true answers. The list may only shrink.
HELD_OTHERWISE = frozenset(
    {
        "fct_account_timeline",
        "fct_bad_debt_accounts",
        "fct_billing_clocks",
        "fct_certifications",
        "fct_entitlements",
        "fct_graph_dependencies",
        "fct_graph_edges",
        "fct_invoice_lines",
        "fct_license_sources",
        "fct_mutation_days",
        "fct_payment_days",
        "fct_product_probations",
        "fct_service_access",
        "fct_stuck_events",
        "fct_subscription_items",
        "fct_subscriptions",
        "fct_uncollectible_days",
        "fct_unhandled_event_types",
        "int_accounts__customer_owners",
        "int_accounts__payment_profiles",
        "int_drift__entitlement_candidates",
        "int_knowledge__prediction_days",
        "int_support__issue_histories",
        "int_support__pattern_weeks",
    }
)


@pytest.fixture(scope="module")
def manifest(built: Dbt) -> dict[str, Any]:
    return built.manifest()


def models(manifest: dict[str, Any], *layers: str) -> list[dict[str, Any]]:
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and (not layers or node["schema"] in layers)
    ]


DEFINITIONS = {
    "accounts unified, with identity and merged accounts": (
        "dim_accounts",
        "bridge_account_customers",
    ),
    "OPE with one state a row": ("fct_opes",),
    "SSLC with overdue ones": ("fct_service_level_changes",),
    "license source": ("fct_license_sources",),
    "billing clock": ("fct_billing_clocks",),
    "subscriptions and items with their class": (
        "fct_subscriptions",
        "fct_subscription_items",
        "fct_stripe_line_items",
    ),
    "invoices, their lines, invoice truth": ("fct_invoices", "fct_invoice_lines"),
    "uncollectible a day by billing reason": ("fct_uncollectible_days",),
    "bad debt as stock and flow by account type": ("fct_bad_debt_accounts", "fct_bad_debt_days"),
    "triple store": ("fct_triple_store",),
    "double charge with both payments": ("fct_double_charges",),
    "payments by path, step and method": ("fct_payments", "fct_payment_days", "fct_charges"),
    "pipe": (
        "fct_webhook_deliveries",
        "fct_pipe_handler_days",
        "fct_unhandled_event_types",
        "fct_stuck_events",
    ),
    "entitlements expected against actual": ("fct_entitlements", "fct_service_access"),
    "dunning funnel": ("fct_dunning_funnel",),
    "changes calculator": ("fct_mutations", "fct_mutation_days"),
    "mandates and product probation": ("fct_mandates", "fct_product_probations"),
    "the facade's view beside the engine's": ("fct_account_views",),
    "timeline over all six stores": ("fct_account_timeline",),
    "malformed rows": ("fct_malformed_rows",),
    "both detectors and their ledger": (
        "fct_discrepancies",
        "fct_discrepancy_days",
        "fct_drift_exclusions",
    ),
}


def test_the_view_layer_has_its_definitions(manifest: dict[str, Any]) -> None:
    assert {m["schema"] for m in models(manifest)} == set(LAYERS)
    marts = {m["name"] for m in models(manifest, "marts")}
    assert {name for names in DEFINITIONS.values() for name in names} - marts == set()
    assert len(models(manifest, "marts", "reporting")) >= 39


def test_every_model_states_its_grain_first(manifest: dict[str, Any]) -> None:
    without = [
        m["name"] for m in models(manifest) if not m["raw_code"].lower().startswith("-- grain: ")
    ]
    assert without == []
    undescribed = [
        m["name"] for m in described(manifest) if "grain" not in m["description"].lower()
    ]
    assert undescribed == []


def described(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Models with a description of their own: a metric's is its row of the catalogue."""
    return [m for m in models(manifest) if not m["name"].startswith("metric_")]


def test_every_metric_is_described_by_the_catalogue(manifest: dict[str, Any], built: Dbt) -> None:
    with CATALOGUE_CSV.open(encoding="utf-8", newline="") as handle:
        catalogue = {row["metric_id"]: row for row in csv.DictReader(handle)}
    metrics = [m for m in models(manifest) if m["name"].startswith("metric_")]
    assert {m["name"].removeprefix("metric_") for m in metrics} == set(catalogue)
    for model in metrics:
        row = catalogue[model["name"].removeprefix("metric_")]
        assert row["definition"] and row["unit"] and row["owner"], model["name"]
        columns = built.columns[model["schema"], model["name"]]
        assert columns == ["metric_id", "observation_date", "dimension", "value"], model["name"]


def test_every_column_is_described(manifest: dict[str, Any], built: Dbt) -> None:
    for model in described(manifest):
        told = [c["name"] for c in model["columns"].values() if c["description"].strip()]
        assert told == built.columns[model["schema"], model["name"]], model["name"]


def test_marts_and_reporting_enforce_their_contract(manifest: dict[str, Any]) -> None:
    loose = [m["name"] for m in models(manifest, *CONTRACTED) if not m["contract"]["enforced"]]
    assert loose == []


def test_every_mart_has_a_key_that_is_tested(manifest: dict[str, Any]) -> None:
    tested = {
        parent
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in ("primary_key", "unique")
        for parent in node["depends_on"]["nodes"]
    }
    assert [m["name"] for m in models(manifest, "marts") if m["unique_id"] not in tested] == []


def test_every_model_has_an_owner_and_every_exposure_too(manifest: dict[str, Any]) -> None:
    owners = {group["name"]: group["owner"]["name"] for group in manifest["groups"].values()}
    assert [m["name"] for m in models(manifest) if not owners.get(m["group"])] == []
    exposures = manifest["exposures"].values()
    assert exposures
    assert [e["name"] for e in exposures if not e["owner"]["name"] or not e["description"]] == []


def test_every_reporting_model_is_read_by_something_declared(manifest: dict[str, Any]) -> None:
    """A reporting model that neither an exposure nor another model names is nobody's."""
    read = {
        parent
        for reader in (*manifest["exposures"].values(), *models(manifest))
        for parent in reader["depends_on"]["nodes"]
    }
    unread = [m["name"] for m in models(manifest, "reporting") if m["unique_id"] not in read]
    assert unread == []


def test_what_computes_has_a_unit_test(manifest: dict[str, Any]) -> None:
    tested = {unit["model"] for unit in manifest["unit_tests"].values()}
    computing = {
        m["name"]
        for m in models(manifest, "intermediate", "marts")
        if COMPUTES.search(re.sub(r"--.*", "", m["raw_code"]))
    }
    assert computing - tested - HELD_OTHERWISE == set()
    assert HELD_OTHERWISE & tested == set(), "has a unit test now: take it off the list"
