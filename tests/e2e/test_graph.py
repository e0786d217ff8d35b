"""The graph's commands on a finished demo, and the scenario in which predictions are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ACCOUNTS, DemoHome, run_paygo


def document(home: DemoHome, *arguments: str) -> Any:
    result = home.paygo(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_default_world_has_the_published_counts(demo_home: DemoHome) -> None:
    graph = document(demo_home, "graph")
    assert (graph["nodes"], graph["edges"], graph["domains"]) == (2_008, 2_803, 15)
    assert len(graph["untested_hypotheses"]) == 147
    assert graph["nodes"] - graph["simulated_nodes"] >= 150
    states = {(r["kind"], r["status"]): r["nodes"] for r in graph["by_kind_and_status"]}
    assert (states["metric", "measured"], states["metric", "stale"]) == (7, 11)
    ages = [row["age_days"] for row in graph["untested_hypotheses"]]
    dated = [age for age in ages if age is not None]
    assert dated == sorted(dated, reverse=True) and len(dated) > 100
    weights = [row["weight"] for row in graph["debt"]]
    assert weights == sorted(weights, reverse=True) and weights[0] > 1
    seals = {row["certification"]: row["nodes"] for row in graph["by_certification"]}
    assert seals["certified"] + seals["expired"] == 6


def test_a_node_shows_its_proof_and_neighbours(demo_home: DemoHome) -> None:
    shown = document(demo_home, "graph", "node", "claim.triple-store-disagrees")
    assert shown["node"]["status"] == "stale"
    metric = "metric.bad_debt_inconsistent_accounts"
    assert shown["node"]["proof"] == f"{metric} > claim.triple-store-disagrees"
    assert metric in {row["node_id"] for row in shown["incoming"]}
    assert {(r["relation"], r["node_id"]) for r in shown["outgoing"]} >= {
        ("contradicts", "claim.one-flag-is-the-truth")
    }
    assert "datasource.stripe.customers" in {row["node_id"] for row in shown["rests_on"]}
    said = demo_home.paygo("graph", "node", "claim.tripel-store-disagrees")
    assert said.returncode == 1 and "try claim.triple-store-disagrees" in said.stderr


def test_every_claim_is_reproduced_and_stale_ones_are_named(demo_home: DemoHome) -> None:
    report = document(demo_home, "verify")
    assert report["reproduced"] == report["claims"] > 300
    assert not report["differs"] and not report["broken"] and not report["within_tolerance"]
    stale = {row["claim_id"] for row in report["stale"]}
    assert "claim.uncollectible-change" in stale and "claim.events-a-day" not in stale


def test_a_named_moment_must_be_one_that_is_known(demo_home: DemoHome) -> None:
    for text, said in (("soon", "is no moment"), ("2020-01-01T00:00:00Z", "nothing was loaded")):
        result = demo_home.paygo("verify", "--as-of", text)
        assert result.returncode == 1 and said in result.stderr


@pytest.mark.full
def test_the_state_of_a_moment_is_built_again(demo_home: DemoHome) -> None:
    """At the run's own moment every claim is the same; two days earlier what moved differs."""
    same = document(demo_home, "verify", "--as-of", "2026-03-24T06:00:00Z")
    assert same["reproduced"] == same["claims"] > 300
    earlier = demo_home.paygo("verify", "--as-of", "2026-03-20T00:00:00Z", "--json")
    report = json.loads(earlier.stdout)
    assert earlier.returncode == 2 and not report["broken"]
    differs = {row["claim_id"]: (row["stored"], row["now"]) for row in report["differs"]}
    assert differs["freshness.fresh"] == ("7", "18")
    assert "level.critical" in differs or report["reproduced"] > 100
    assert not list((demo_home.home / "tmp").iterdir())


@pytest.mark.full
def test_predictions_come_true_and_fail_in_the_delivered_world(tmp_path: Path) -> None:
    home = tmp_path / "home"
    options = ("--accounts", str(ACCOUNTS), "--seed", "1", "--scenario", "shipped")
    assert run_paygo(home, "demo", *options).returncode == 0
    result = run_paygo(home, "graph", "--json")
    verdicts = {row["node_id"]: row["status"] for row in json.loads(result.stdout)["hypotheses"]}
    for true in (
        "rollbacks-reach-zero",
        "green-zone-holds",
        "no-debt-from-upgrades",
        "uncollectible-falls-further",
        "no-access-without-payment",
        "address-tickets-reach-zero",
    ):
        assert verdicts[f"hypothesis.{true}"] == "supported", true
    for false in ("inconsistent-flags-reach-zero", "no-access-drift", "lifting-within-a-day"):
        assert verdicts[f"hypothesis.{false}"] == "refuted", false
    assert json.loads(run_paygo(home, "verify", "--json").stdout)["differs"] == []
