"""Claims and editions: each query yields one value, and an edition can be proved again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dashboards.build import SiteReport, build_site
from dashboards.claim import Dimensions
from dashboards.claims import declare
from dashboards.editions import Result, execute, make_edition, store_edition
from dashboards.evidence import read_evidence
from dashboards.names import read_names
from dashboards.snapshot import Snapshot
from dashboards.verification import is_within, verify
from orchestration.knowledge.compile import compile_graph
from orchestration.settings import Settings
from tests.unit.dashboards.reporting_fixture import AT, NOW, FixtureWarehouse


@pytest.fixture
def stored(warehouse: FixtureWarehouse) -> FixtureWarehouse:
    """A warehouse with one stored edition and no page."""
    store_edition(warehouse, make_edition(warehouse, _executed(warehouse), AT), AT)
    return warehouse


def _names(warehouse: FixtureWarehouse) -> Dimensions:
    with Snapshot(warehouse) as snapshot:
        return read_names(snapshot, read_evidence(warehouse))


def _executed(warehouse: FixtureWarehouse) -> list[Result]:
    with Snapshot(warehouse) as snapshot:
        return execute(snapshot, declare(_names(warehouse)), read_evidence(warehouse))


def test_every_claim_yields_one_value(warehouse: FixtureWarehouse) -> None:
    results = _executed(warehouse)
    assert [r.claim.claim_id for r in results if r.error] == []
    # A level that nobody agreed has no value; everything else must have one.
    assert [r.claim.claim_id for r in results if r.value is None and not r.claim.is_agreed] == []
    assert all(r.claim.unit and r.claim.owner and r.claim.sentence for r in results)


def test_claims_of_the_knowledge_graph_exist(warehouse: FixtureWarehouse) -> None:
    declared = {c.claim_id for c in declare(_names(warehouse))}
    named = {c for c in compile_graph().nodes["claim_query"].to_pylist() if c}
    assert named and named <= declared


def test_a_claim_declared_twice_is_refused(warehouse: FixtureWarehouse) -> None:
    names = _names(warehouse)
    with pytest.raises(ValueError, match=r"graph\.claim\.stale.*twice"):
        declare(replace(names, graph_cells=(*names.graph_cells, ("claim", "stale"))))


def test_verify_reproduces_the_stored_edition(
    stale_site: tuple[FixtureWarehouse, SiteReport, Settings],
) -> None:
    warehouse, report, _ = stale_site
    found = verify(warehouse)
    assert (found.claims, found.reproduced) == (report.claims, report.claims)
    assert found.holds and found.differs == [] and found.broken == []
    old = {entry["claim_id"] for entry in found.stale}
    assert "metric.bad_debt_accounts.value" in old
    assert "metric.stuck_events.value" not in old
    keys = {"edition_id", "claims", "reproduced", "differs", "broken", "stale", "within_tolerance"}
    assert set(found.as_json()) == keys


def test_verify_shows_both_values_when_one_differs(stored: FixtureWarehouse) -> None:
    stored.connection.execute(
        "update reporting.rpt_metric_status set value = value + 1 where metric_id = 'stuck_events'"
    )
    found = verify(stored)
    assert found.reproduced == found.claims - 1 and not found.holds
    (entry,) = found.differs
    assert entry["claim_id"] == "metric.stuck_events.value"
    assert int(entry["now"]) == int(entry["stored"]) + 1


@pytest.mark.parametrize(
    ("stored", "now", "tolerance", "expected"),
    [
        ("100", "102", "2 %", True),
        ("100", "102.000000001", "2 %", False),
        ("100", "98", "2%", True),
        ("-50", "-51", "2 %", True),
        ("61.8", "62.3", "0.5", True),
        ("61.8", "62.31", "0.5", False),
        ("0", "0.1", "5 %", False),
        ("100", "102", "", False),
        ("100", None, "2 %", False),
        ("2026-03-01", "2026-03-02", "2 %", False),
    ],
)
def test_a_tolerance_is_a_share_of_the_stored_value_or_an_amount(
    stored: str, now: str | None, tolerance: str, expected: bool
) -> None:
    assert is_within(stored, now, tolerance) is expected


def test_verify_counts_what_is_within_a_stated_tolerance(stored: FixtureWarehouse) -> None:
    stored.connection.execute(
        "update reporting.rpt_metric_status set value = value * 1.01"
        " where metric_id = 'stuck_events'"
    )
    assert [row["claim_id"] for row in verify(stored, tolerance="1 %").within_tolerance] == [
        "metric.stuck_events.value"
    ]
    assert verify(stored, tolerance="1 %").holds and not verify(stored, tolerance="0.9 %").holds


def test_verify_takes_the_tolerance_that_the_graph_states(stored: FixtureWarehouse) -> None:
    stored.connection.execute(
        "update reporting.rpt_metric_status set value = value * 1.01"
        " where metric_id = 'stuck_events'"
    )
    stored.connection.execute(
        "update reporting.rpt_graph_status set tolerance = '1 %',"
        " claim_query = 'metric.stuck_events.value'"
        " where node_id = (select min(node_id) from reporting.rpt_graph_status)"
    )
    assert verify(stored).holds


def test_verify_says_what_broke(stored: FixtureWarehouse) -> None:
    stored.connection.execute("drop table reporting.rpt_triple_store")
    found = verify(stored)
    assert {entry["claim_id"].split(".")[0] for entry in found.broken} == {"triple_store"}
    assert "rpt_triple_store" in found.broken[0]["error"]
    assert found.reproduced + len(found.broken) == found.claims


def test_verify_refuses_a_query_that_was_changed(stored: FixtureWarehouse) -> None:
    stored.connection.execute(
        "update ops.claims set query = 'select 11' where claim_id = 'freshness.stale'"
    )
    (entry,) = verify(stored).broken
    assert entry == {
        "claim_id": "freshness.stale",
        "error": "the stored query does not have the stored hash",
    }


def test_verify_names_claims_whose_source_moved_on(stored: FixtureWarehouse) -> None:
    stored.connection.execute(
        "update ops.stream_cursors set as_of = ? where stream = 'jira.issues'",
        [NOW + timedelta(days=1)],
    )
    reasons = {e["claim_id"]: e["reason"] for e in verify(stored).stale}
    assert "read up to 2026-03-25T06:00:00Z" in reasons["tickets.total"]


def test_verify_without_an_edition_holds_nothing(warehouse: FixtureWarehouse) -> None:
    assert verify(warehouse).claims == 0
    assert not verify(warehouse).holds


def test_changed_value_makes_a_new_edition_and_keeps_the_old(
    stored: FixtureWarehouse, settings: Settings
) -> None:
    (first,) = stored.rows("select edition_id from ops.editions")
    stored.connection.execute("update reporting.rpt_triple_store set accounts = accounts + 1")
    report = build_site(stored, settings, AT)  # the clock stands still
    assert not build_site(stored, settings, AT).is_new_edition
    assert report.is_new_edition and report.edition_id != first["edition_id"]
    assert verify(stored).edition_id == report.edition_id
    kept = stored.rows("select edition_id, count(*) as n from ops.claims group by 1")
    assert {row["edition_id"] for row in kept} == {first["edition_id"], report.edition_id}
    assert len({row["n"] for row in kept}) == 1


def test_broken_query_is_shown_as_broken(warehouse: FixtureWarehouse, settings: Settings) -> None:
    warehouse.connection.execute("alter table reporting.rpt_bad_debt drop column exits")
    report = build_site(warehouse, settings, AT)
    assert report.broken == ("bad_debt.exits_total", "bad_debt.flow_daily")
    text = report.path.read_text()
    assert "Figures without a value:" in text
    status = "select status from ops.claims where claim_id = 'bad_debt.exits_total'"
    assert warehouse.rows(status) == [{"status": "broken"}]
