"""`paygo drift` as people use it: list, filter, export, explain, mark; on a copy of the demo."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.errors import PermanentFailure
from tests.conftest import DemoHome

STRIPE_DAY = "2026-03-21"


class Paygo:
    """The command line on one home, in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str) -> Result:
        result = CliRunner(env={"PAYGO_HOME": str(self.home)}).invoke(app, list(arguments))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def json(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return found

    def drift(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.json("drift", *arguments)["discrepancies"]
        return found


@pytest.fixture(scope="module")
def paygo(demo_home: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Paygo:
    """A home of its own: marks are written."""
    home = tmp_path_factory.mktemp("drift") / "home"
    (home / "run").mkdir(parents=True)
    for name in ("warehouse.duckdb", "run/warehouse.duckdb", "settings.env"):
        shutil.copyfile(demo_home.home / name, home / name)
    return Paygo(home)


def test_filters_keep_what_they_name(paygo: Paygo) -> None:
    every = paygo.drift("--detector", "stripe")
    kinds = {row["kind"] for row in every}
    assert len(kinds) == 5
    for kind in kinds:
        wanted = [row for row in every if row["kind"] == kind]
        assert paygo.drift("--detector", "stripe", "--kind", kind) == wanted
    one = every[0]
    assert paygo.drift("--detector", "stripe", "--entity", one["entity_id"]) == [one]
    assert one in paygo.drift("--detector", "stripe", "--account", one["account_id"])
    assert paygo.drift("--detector", "stripe", "--state", one["state"])
    resolved = paygo.drift("--detector", "stripe", "--state", "resolved")
    assert {row["state"] for row in resolved} == {"resolved"}
    excluded = paygo.json("drift", "--detector", "stripe", "--reason", "merged_account")
    assert excluded["discrepancies"] == []
    assert {row["reason"] for row in excluded["exclusions"]} == {"merged_account"}
    with pytest.raises(PermanentFailure, match="use one of"):
        paygo.run("drift", "--detector", "stripe", "--kind", "plan_above_engine")
    with pytest.raises(PermanentFailure, match="complete days lie between"):
        paygo.run("drift", "--detector", "stripe", "--date", "2026-03-22")


def test_a_stale_side_is_named_in_words_and_json(paygo: Paygo) -> None:
    document = paygo.json("drift", "--detector", "stripe")
    assert (document["date"], document["freshness"]) == (STRIPE_DAY, "stale")
    assert document["stale_sides"] == ["stripe"]
    said = paygo.run("drift", "--detector", "stripe").stdout
    assert said.startswith("STALE: stripe (stripe.")
    assert "54 h ago" in said
    assert "STALE" not in paygo.run("drift", "--detector", "zone_plan").stdout
    rows = {row["detector"]: row for row in paygo.json("drift")["detectors"]}
    assert rows["zone_plan"]["stale_sides"] == ""
    assert rows["stripe"]["open"] == len(
        [d for d in document["discrepancies"] if d["state"] != "suspended"]
    )


def test_the_first_day_finds_and_does_not_open(paygo: Paygo) -> None:
    first = paygo.drift("--detector", "zone_plan", "--date", "2026-02-22")
    assert first
    assert {(row["state"], row["is_opening_stock"]) for row in first} == {("persistent", True)}
    second = paygo.drift("--detector", "zone_plan", "--date", "2026-02-24")
    assert any(row["state"] == "new" and not row["is_opening_stock"] for row in second)


def test_the_export_holds_every_row(paygo: Paygo, tmp_path: Path) -> None:
    document = paygo.json("drift", "--detector", "stripe")
    text = paygo.run("drift", "--detector", "stripe", "--csv", "-").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    ids = [row["discrepancy_id"] for row in rows if row["state"] != "excluded"]
    assert ids == [row["discrepancy_id"] for row in document["discrepancies"]]
    excluded = [(r["entity_id"], r["reason"]) for r in rows if r["state"] == "excluded"]
    assert excluded == [(e["entity_id"], e["reason"]) for e in document["exclusions"]]
    target = tmp_path / "drift.csv"
    paygo.run("drift", "--detector", "stripe", "--csv", str(target))
    assert target.read_text() == text
    with pytest.raises(PermanentFailure, match="cannot be written"):
        paygo.run("drift", "--detector", "stripe", "--csv", str(tmp_path / "no" / "drift.csv"))


def sides(document: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    (pairs,) = document["sides"]
    return {pair["field"]: (pair["left"], pair["right"]) for pair in pairs}


# Of each kind, a field on which both sides must be seen to differ.
DIFFERS = {
    "price_mismatch": ("price_id", "unit_amount"),
    "quantity_mismatch": ("quantity",),
    "status_mismatch": ("state",),
    "plan_above_engine": ("plan",),
    "plan_below_engine": ("plan",),
    "missing_in_stripe": ("identity",),
    "orphan_in_stripe": ("identity", "state"),
    "missing_in_engine": ("identity",),
    "missing_in_www": ("identity", "state"),
}


@pytest.mark.parametrize("detector", ["stripe", "zone_plan"])
def test_explaining_shows_both_sides_and_the_rule(paygo: Paygo, detector: str) -> None:
    explained = set()
    for row in paygo.drift("--detector", detector):
        if row["kind"] in explained or row["state"] == "suspended":
            continue
        explained.add(row["kind"])
        document = paygo.json("drift", "explain", row["discrepancy_id"])
        assert document["discrepancy"]["entity_id"] == row["entity_id"]
        assert document["rule"] and document["harm"]
        shown = sides(document)
        assert row["entity_id"] in shown["identity"]
        assert any(
            shown.get(field, (None, None))[0] != shown.get(field, (None, None))[1]
            for field in DIFFERS[row["kind"]]
        ), (row["kind"], shown)
        said = paygo.run("drift", "explain", row["entity_id"]).stdout
        assert document["rule"] in said
    assert explained == {kind for kind in DIFFERS if kind in explained}
    assert len(explained) == {"stripe": 5, "zone_plan": 4}[detector]


@pytest.mark.parametrize("detector", ["triple_store", "double_charge", "entitlement"])
def test_every_detector_can_be_explained(paygo: Paygo, detector: str) -> None:
    row = paygo.drift("--detector", detector)[0]
    document = paygo.json("drift", "explain", row["discrepancy_id"])
    assert document["sides"]
    assert document["excluded_that_day"] is None


def test_a_suspended_one_says_why(paygo: Paygo) -> None:
    suspended = paygo.drift("--detector", "stripe", "--state", "suspended")
    row = suspended[0]
    document = paygo.json("drift", "explain", row["discrepancy_id"], "--date", STRIPE_DAY)
    assert document["excluded_that_day"]["reason"]
    assert document["excluded_that_day"]["rule"]


def test_marks_are_kept_counted_and_change_no_figure(paygo: Paygo) -> None:
    before = paygo.drift("--detector", "zone_plan")
    one, other = before[0]["discrepancy_id"], before[1]["discrepancy_id"]
    said = paygo.run("drift", "mark", one, "accept", "--reason", "agreed", "--by", "ann").stdout
    assert "accepted" in said
    paygo.run("drift", "mark", before[1]["entity_id"], "false", "--reason", "wrong plan list")
    marks = {row["discrepancy_id"]: row["mark"] for row in paygo.drift("--detector", "zone_plan")}
    assert (marks.pop(one), marks.pop(other)) == ("accepted", "false")
    assert set(marks.values()) == {None}
    counted = paygo.json("drift")["marks"]
    assert sorted((m["mark"], m["marked"], m["alive"]) for m in counted) == [
        ("accepted", 1, 1),
        ("false", 1, 1),
    ]
    unmarked = paygo.drift("--detector", "zone_plan", "--mark", "none")
    assert len(unmarked) == len(before) - 2
    paygo.run("drift", "mark", one, "false", "--reason", "looked again")
    assert len(paygo.drift("--detector", "zone_plan", "--mark", "false")) == 2
    for name in (one, other):
        paygo.run("drift", "mark", name, "clear", "--reason", "a test")
    assert paygo.drift("--detector", "zone_plan") == before
    assert paygo.json("drift")["marks"] == []


def test_a_mark_needs_a_reason_a_word_and_a_discrepancy(paygo: Paygo) -> None:
    one = paygo.drift("--detector", "zone_plan")[0]["discrepancy_id"]
    for arguments, message in (
        ((one, "accept", "--reason", " "), "needs a reason"),
        ((one, "approve", "--reason", "x"), "no mark"),
        (("nobody", "accept", "--reason", "x"), "was ever seen"),
        ((one, "clear", "--reason", "x"), "carries no mark"),
    ):
        with pytest.raises(PermanentFailure, match=message):
            paygo.run("drift", "mark", *arguments)


def test_the_timeline_runs_over_all_stores_in_order(paygo: Paygo) -> None:
    account = paygo.drift("--detector", "stripe")[0]["account_id"]
    events = paygo.json("account", account)["events"]
    moments = [event["at"] for event in events]
    assert moments == sorted(moments)
    stores = {event["store"] for event in events}
    assert stores >= {"subs_account", "subs_customer", "engine", "core_prod", "stripe"}
    with pytest.raises(PermanentFailure, match="no store knows"):
        paygo.run("account", "acc_nobody")
