"""What the sweep over all ids of Jira may take for deleted, and what it must find."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestration.clock import iso
from orchestration.extraction import ReconciliationFailure
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.jira import JiraSource
from orchestration.sources.jira_plan import JiraReader
from orchestration.warehouse import Warehouse
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE, issue

ISSUES = "jira.issues"
HISTORIES = "jira.changelog_items"
HOUR = timedelta(hours=1)
EVERYONE = {str(10000 + n) for n in range(1, 8)}


def versions(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.rows("select * from raw.jira__issues order by all")


def live(warehouse: Warehouse) -> set[str]:
    rows = warehouse.rows(
        "select issue_id from raw.jira__issues group by 1 having not arg_max(_is_deleted, _as_of)"
    )
    return {row["issue_id"] for row in rows}


def test_a_token_that_expires_between_two_lists_deletes_nothing(
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.extraction.jira.IDS_A_STRETCH", 3)
    extract("jira")
    before, listed = versions(warehouse), JiraReader._list

    def list_and_expire(reader: JiraReader, stretch: Any) -> None:
        listed(reader, stretch)
        assert reader.ids, "the first stretch shows issues"
        platform.switch(jira_token_expired=True)

    monkeypatch.setattr(JiraReader, "_list", list_and_expire)
    outcomes = extract("jira", as_of=BASE + HOUR, jira_connections=1, jira_lookback_minutes=0)
    assert versions(warehouse) == before
    for outcome in outcomes.values():
        assert outcome.status == "failed" and "Jira refused the token" in str(outcome.error)


@pytest.mark.parametrize(
    ("owner", "asks", "failed"),
    [(JiraSource, "issue", ISSUES), (JiraReader, "histories", HISTORIES)],
)
def test_a_token_that_expires_after_the_lists_is_no_better_believed(
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    owner: type[Any],
    asks: str,
    failed: str,
) -> None:
    extract("jira")
    lists, ask = JiraReader._list, getattr(owner, asks)

    def list_all_but_one(reader: JiraReader, stretch: Any) -> None:
        lists(reader, stretch)
        reader.ids.remove("10001")

    def expire_and_ask(self: Any, wanted: Any) -> Any:
        platform.switch(jira_token_expired=True)
        return ask(self, wanted)

    monkeypatch.setattr(JiraReader, "_list", list_all_but_one)
    monkeypatch.setattr(owner, asks, expire_and_ask)
    outcome = extract("jira", as_of=BASE + HOUR, jira_lookback_minutes=0)[failed]
    assert outcome.status == "failed" and "Jira refused the token" in str(outcome.error)
    assert "10001" in live(warehouse)


def test_a_token_that_expires_before_the_histories_leaves_none_out(
    extract: Extract, platform: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = JiraSource.histories

    def expire_and_ask(source: JiraSource, ids: Any) -> Any:
        platform.switch(jira_token_expired=True)
        return asked(source, ids)

    with monkeypatch.context() as patch:
        patch.setattr(JiraSource, "histories", expire_and_ask)
        outcome = extract("jira", streams={HISTORIES})[HISTORIES]
    assert outcome.status == "failed" and "Jira refused the token" in str(outcome.error)
    platform.heal()
    assert extract("jira", streams={HISTORIES})[HISTORIES].rows_appended == 3


def test_more_deletions_than_a_clean_up_makes_are_refused(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the token's user loses an issue security level: it may browse, and sees less."""
    extract("jira")
    before, asked = versions(warehouse), []

    def first(reader: JiraReader, _: object) -> None:
        reader.ids[:] = ["10001"]

    monkeypatch.setattr("orchestration.extraction.jira._FEW_GONE", 2)
    monkeypatch.setattr(JiraReader, "_list", first)
    monkeypatch.setattr(JiraSource, "issue", lambda _, key: asked.append(key))
    outcome = extract("jira", as_of=BASE + HOUR, jira_lookback_minutes=0)[ISSUES]
    assert outcome.status == "failed" and "more than 2 issues" in str(outcome.error)
    assert "PAYGO_JIRA_DELETION_LIMIT_PERCENT" in str(outcome.error)
    assert len(asked) == 3, "nobody else is asked for once there are too many"
    assert versions(warehouse) == before
    wanted = extract(
        "jira", as_of=BASE + HOUR, jira_lookback_minutes=0, jira_deletion_limit_percent=100
    )[ISSUES]
    # The newest was read again: its update is where the last run ended.
    assert (wanted.status, wanted.rows_deleted) == ("ok", 5)
    assert live(warehouse) == {"10001", "10007"}


def test_an_issue_of_the_index_that_no_page_brought_is_asked_for(
    extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_pages(monkeypatch)
    outcome = extract("jira", streams={ISSUES})[ISSUES]
    assert (outcome.status, outcome.rows_appended) == ("ok", 7)
    (row,) = warehouse.rows("select * from ops.reconciliation")
    assert (row["verdict"], row["source_count"], row["warehouse_count"]) == ("matched", 7, 7)


@pytest.mark.parametrize("answer", ["it does not exist", "another issue"])
def test_an_index_that_cannot_be_followed_lands_nothing(
    answer: str, extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = JiraSource.issue
    lose_pages(monkeypatch)
    monkeypatch.setattr(
        JiraSource, "issue", lambda s, _: asked(s, "10001") if answer == "another issue" else None
    )
    outcome = extract("jira", streams={ISSUES})[ISSUES]
    assert isinstance(outcome.error, ReconciliationFailure)
    assert versions(warehouse) == [] and warehouse.cursor(ISSUES) is None
    (row,) = warehouse.rows("select * from ops.reconciliation")
    assert (row["verdict"], row["source_count"]) == ("mismatched", 7)


def lose_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let searches for issues find none, and lists of ids all of them."""
    pages = JiraSource.pages

    def without_issues(source: JiraSource, fields: Any, **where: Any) -> Any:
        return pages(source, fields, **where) if set(fields) == {"id"} else iter([([], False)])

    monkeypatch.setattr(JiraSource, "pages", without_issues)
    monkeypatch.setattr(JiraSource, "by_id", lambda *_: iter(()))


def test_an_update_that_an_increment_missed_is_found_when_all_is_read_again(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("jira")
    # As if it had been hidden for longer than the lookback: older than where the reading stands.
    platform.load_issues([issue(3, summary="missed", updated=iso(BASE - timedelta(days=2)))])
    try:
        modes = []
        for days in (1, 6, 7, 8):
            outcomes = extract("jira", as_of=BASE + timedelta(days=days))
            modes.append({o.mode for o in outcomes.values()})
            latest = {v["issue_id"]: v["summary"] for v in versions(warehouse)}
            assert (latest["10003"] == "missed") is (days >= 7)
            assert outcomes[ISSUES].rows_appended == (days == 7)
        assert modes == [{"delta"}, {"delta"}, {"full"}, {"delta"}]
        never = extract("jira", as_of=BASE + timedelta(days=99), jira_reconcile_days=0)
        assert {o.mode for o in never.values()} == {"delta"}
    finally:
        platform.load_issues([issue(3)])


def test_an_issue_that_moved_to_another_project_is_gone(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("jira")
    platform.load_issues([issue(4, key="OTHER-1", project="OTHER", updated=iso(BASE + HOUR))])
    try:
        outcome = extract("jira", as_of=BASE + 2 * HOUR)[ISSUES]
        assert (outcome.status, outcome.rows_deleted) == ("ok", 1)
        assert live(warehouse) == EVERYONE - {"10004"}
        (tombstone,) = [v for v in versions(warehouse) if v["_is_deleted"]]
        assert (tombstone["issue_id"], tombstone["project_key"]) == ("10004", "BILL")
        again = extract("jira", as_of=BASE + 3 * HOUR)[ISSUES]
        assert (again.rows_appended, again.rows_deleted) == (0, 0)
    finally:
        platform.load_issues([issue(4)])
    assert extract("jira", as_of=BASE + 4 * HOUR)[ISSUES].rows_appended == 1
    assert live(warehouse) == EVERYONE


def test_issues_of_a_renamed_project_have_not_moved(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    """Jira takes the old key in a query, and answers with the new one."""
    extract("jira")
    platform.switch(jira_shape={"project": {"id": "10000", "key": "PAY", "name": "PAY"}})
    # The index shows the first four issues and is behind with the other three.
    platform.switch(jira_index_delay_seconds=86_400 - 4)
    outcome = extract("jira", as_of=BASE + HOUR, jira_lookback_minutes=0)[ISSUES]
    assert (outcome.status, outcome.rows_deleted) == ("ok", 0)
    assert live(warehouse) == EVERYONE
