"""The fifteen ways in which extraction loses, doubles or invents data: one test each.

Each provokes its failure in the servers (their switches) or in the process, and holds the
warehouse against the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Literal

import pytest

from orchestration.alerting.causes import MetricState, causes_of
from orchestration.clock import iso
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.sources.contract import table
from orchestration.sources.jira import JiraSource
from orchestration.warehouse import Warehouse
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE, issue

HOUR = timedelta(hours=1)
STUCK = "engine.subs_stuck_events"
ISSUES = "jira.issues"
CUSTOMERS = "stripe.customers"
INVOICES = "stripe.invoices"
PARENTS = {INVOICES, "stripe.invoice_line_items", "stripe.invoice_payments"}

Sql = Callable[[str], None]


class Crash(BaseException):
    """The process ends here: no handler of the program sees it."""


@pytest.fixture
def sql(platform: SimulatedPlatform) -> Iterator[Sql]:
    """Run statements in the engine's database; stuck events are as before when the test ends."""
    with platform.postgres.admin(DATABASES["engine"]) as connection:
        connection.execute("create temp table kept as select * from subs_stuck_events")

        def run(statement: str) -> None:
            connection.execute(statement)  # type: ignore[call-overload]

        yield run
        run("truncate subs_stuck_events")
        run("insert into subs_stuck_events select * from kept")


def stuck(key: str, updated_at: str) -> str:
    return (
        "insert into subs_stuck_events (stuck_event_id, event_id, event_type, created_at, "
        f"updated_at) values ('{key}', 'evt', 'type', now(), '{updated_at}')"
    )


def live(warehouse: Warehouse, stream: str) -> set[str]:
    contract = table(stream)
    rows = warehouse.rows(
        f"select {contract.primary_key} as key from raw.{contract.raw_name} "
        "group by 1 having not arg_max(_is_deleted, _as_of)"
    )
    return {row["key"] for row in rows}


def versions(warehouse: Warehouse, stream: str) -> list[dict[str, Any]]:
    return warehouse.rows(f"select * from raw.{table(stream).raw_name} order by all")


def count(warehouse: Warehouse, stream: str) -> int:
    return len(versions(warehouse, stream))


def test_01_a_lost_answer_that_is_asked_for_again_doubles_nothing(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    for path in ("/v1/customers", "/v1/invoices", "/v1/events"):
        platform.fault("lose_answer", "stripe", path=path, count=2)
    platform.fault("lose_answer", "jira", path="/rest/api/3/search", count=2)
    outcomes = extract("stripe", "jira")
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert (count(warehouse, CUSTOMERS), count(warehouse, INVOICES)) == (25, 13)
    assert count(warehouse, ISSUES) == len(live(warehouse, ISSUES)) == 7
    extract("stripe", "jira", as_of=BASE + HOUR)
    assert (count(warehouse, CUSTOMERS), count(warehouse, ISSUES)) == (25, 7)


@pytest.mark.parametrize("statement", ["insert into raw", "insert into ops.load_ledger", "commit"])
def test_02_rows_ledger_and_cursor_never_stand_apart(
    statement: str, extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.warehouse.duckdb import DuckDbWarehouse

    run = DuckDbWarehouse._run

    def crash(self: DuckDbWarehouse, text: str, params: Any) -> Any:
        if text.strip().startswith(statement):
            raise Crash(text)
        return run(self, text, params)

    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(DuckDbWarehouse, "_run", crash)
        extract("engine", streams={STUCK})
    assert versions(warehouse, STUCK) == []
    assert warehouse.rows("select * from ops.load_ledger") == []
    assert warehouse.rows("select * from ops.stream_cursors") == []
    assert extract("engine", streams={STUCK})[STUCK].rows_appended == 2
    (row,) = warehouse.rows("select rows_appended, load_id from ops.load_ledger")
    assert row["rows_appended"] == 2
    assert {v["_load_id"] for v in versions(warehouse, STUCK)} == {row["load_id"]}


def test_03_a_row_committed_late_arrives(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse, sql: Sql
) -> None:
    sql(stuck("newest", iso(BASE - timedelta(minutes=1))))
    with platform.postgres.admin(DATABASES["engine"]) as late:
        late.execute("begin")
        late.execute(stuck("late", iso(BASE - timedelta(minutes=20))))  # type: ignore[call-overload]
        extract("engine", streams={STUCK})
        assert "late" not in live(warehouse, STUCK)
        late.execute("commit")
    outcome = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
    assert (outcome.mode, outcome.rows_appended) == ("delta", 1)
    assert "late" in live(warehouse, STUCK)


def test_04_ties_at_the_end_of_a_page_and_of_a_run_lose_nobody(
    extract: Extract, warehouse: Warehouse, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two customers share each second: every third page ends between two of them.
    monkeypatch.setattr("orchestration.sources.stripe_plan.PAGE", 3)
    extract("stripe", streams={CUSTOMERS})
    assert len(live(warehouse, CUSTOMERS)) == 25
    moment = iso(BASE - timedelta(minutes=1))
    sql(stuck("first of its moment", moment))
    extract("engine", streams={STUCK})
    sql(stuck("second of its moment", moment))
    extract("engine", streams={STUCK}, as_of=BASE + HOUR)
    assert {"first of its moment", "second of its moment"} <= live(warehouse, STUCK)


def test_05_events_of_one_second_never_let_the_older_state_win(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    streams = {INVOICES, "stripe.events"}
    extract("stripe", streams=streams)
    # Every event of the feed names one invoice, in one second, with what it was before.
    old = {"id": f"in_{1:024d}", "object": "invoice", "attempt_count": 7, "amount_paid": 0}
    second = int((BASE - timedelta(days=3)).timestamp()) + 4
    platform.switch(
        stripe_shape={
            "event": {"created": second, "type": "invoice.updated", "data": {"object": old}},
            "invoice": {"attempt_count": 9},
        }
    )
    outcome = extract("stripe", streams=streams, as_of=BASE + HOUR)[INVOICES]
    assert (outcome.mode, outcome.rows_appended) == ("delta", 1)
    (latest,) = [v for v in versions(warehouse, INVOICES) if v["_as_of"].hour == 1]
    assert (latest["invoice_id"], latest["attempt_count"]) == (f"in_{1:024d}", 9)
    assert latest["amount_paid_minor"] == 1000


def test_06_another_version_of_the_api_gives_no_nulls(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("stripe", streams={*PARENTS, "stripe.events"})
    (row,) = warehouse.rows(
        "select count(*) as n, count(subscription_id) as parents, count(_row_hash) as hashes "
        "from raw.stripe__invoices where subscription_id is not null or billing_reason = 'manual'"
    )
    assert (row["n"], row["parents"]) == (13, 12)
    events = warehouse.rows("select distinct api_version from raw.stripe__events")
    assert [e["api_version"] for e in events] != [None], "the feed is of the account's version"
    # The older shape, were it ever served: the field is gone, and the stream says so.
    platform.switch(stripe_shape={"invoice": {"parent": None}})
    outcome = extract("stripe", streams={INVOICES}, as_of=BASE + timedelta(days=8))[INVOICES]
    assert "column 'subscription_id' is missing" in str(outcome.error)
    assert all(v["_as_of"].day == BASE.day for v in versions(warehouse, INVOICES))


def test_07_children_arrive_beyond_the_embedded_page(
    extract: Extract, warehouse: Warehouse
) -> None:
    extract("stripe", streams={*PARENTS, "stripe.subscriptions", "stripe.subscription_items"})
    lines = versions(warehouse, "stripe.invoice_line_items")
    items = versions(warehouse, "stripe.subscription_items")
    assert sum(v["invoice_id"] == f"in_{1:024d}" for v in lines) == 25
    assert sum(v["subscription_id"] == f"sub_{1:024d}" for v in items) == 13


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Singapore", "Europe/Berlin"])
def test_08_the_time_zone_of_the_token_and_long_days_shift_nothing(
    zone: str, extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    # 25 hours on 2025-10-26 and 23 on 2025-03-30 in Berlin: both sides of the hour that repeats.
    moments = {
        "20001": "2025-10-26T00:30:00Z",
        "20002": "2025-10-26T01:30:00Z",
        "20003": "2025-03-30T00:59:59Z",
        "20004": "2025-03-30T01:00:00Z",
    }
    rows = [
        issue(int(i) - 10000, created=at, updated=at, escalated_at=at) for i, at in moments.items()
    ]
    platform.switch(jira_user_time_zone=zone)
    platform.load_issues(rows)
    extract("jira")
    found = {
        v["issue_id"]: f"{v['updated_at']:%Y-%m-%dT%H:%M:%SZ}"
        for v in versions(warehouse, ISSUES)
        if v["issue_id"] in moments
    }
    assert found == moments
    # An increment starts at a moment, not at a local time: nothing is skipped, little repeated.
    platform.load_issues([issue(1, updated=iso(BASE + HOUR / 2))])
    outcome = extract("jira", as_of=BASE + HOUR)[ISSUES]
    assert (outcome.mode, outcome.rows_appended) == ("delta", 1)
    platform.load_issues([issue(1)])


def test_09_an_index_that_lags_hides_nothing_for_good(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    before = issue(1)
    extract("jira")
    platform.load_issues([issue(1, summary="behind", updated=iso(BASE - timedelta(minutes=3)))])
    platform.switch(jira_index_delay_seconds=3600)
    platform.load_issues([issue(2, summary="seen", updated=iso(BASE - timedelta(hours=2)))])
    extract("jira", as_of=BASE + timedelta(minutes=10))
    platform.switch(jira_index_delay_seconds=0)
    extract("jira", as_of=BASE + timedelta(minutes=20))
    latest = {v["issue_id"]: v["summary"] for v in versions(warehouse, ISSUES)}
    assert latest["10001"] == "behind"
    assert len(live(warehouse, ISSUES)) >= 7
    platform.load_issues([before, issue(2)])


@pytest.mark.parametrize("rule", ["move_row", "remove_row"])
def test_10_rows_that_move_while_they_are_paged_are_found(
    rule: Literal["move_row", "remove_row"],
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.sources.jira._ISSUES_A_PAGE", 2)
    everyone = [issue(n) for n in range(1, 8)]
    platform.load_issues(everyone)
    platform.switch(jira_pages_by_offset=True)
    platform.fault(rule, "jira", path="/rest/api/3/search", count=2)
    outcome = extract("jira", streams={ISSUES}, jira_connections=1)[ISSUES]
    assert outcome.status == "ok"
    # A deletion lets the pages behind it begin one issue later than they should.
    ends = platform.endpoints
    with JiraSource(ends.jira_base_url, ends.jira_email, ends.jira_api_token, "BILL") as source:
        index = {i["id"] for page, _ in source.pages(("id",)) for i in page}
    assert index <= live(warehouse, ISSUES)
    assert count(warehouse, ISSUES) == len(live(warehouse, ISSUES))
    assert len(live(warehouse, ISSUES) - index) == (2 if rule == "remove_row" else 0)
    extract("jira", streams={ISSUES}, as_of=BASE + HOUR)
    assert live(warehouse, ISSUES) == index
    platform.load_issues(everyone)


def test_11_a_lost_permission_is_no_empty_source(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("jira", "stripe", "engine")
    kept = {s: versions(warehouse, s) for s in (ISSUES, "stripe.payment_intents", STUCK)}
    platform.switch(jira_token_expired=True, stripe_missing_permissions=["rak_payment_intent_read"])
    with platform.postgres.admin(DATABASES["engine"]) as admin:
        admin.execute("revoke select on subs_stuck_events from paygo_reader")
        try:
            outcomes = extract("jira", "stripe", "engine", as_of=BASE + timedelta(days=8))
        finally:
            admin.execute("grant select on subs_stuck_events to paygo_reader")
    for stream, rows in kept.items():
        assert outcomes[stream].status == "failed", stream
        assert versions(warehouse, stream) == rows
    assert outcomes[CUSTOMERS].status == outcomes["engine.subs_account"].status == "ok"


def test_11_a_policy_that_hides_rows_is_no_smaller_table(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("engine", streams={STUCK})
    with platform.postgres.admin(DATABASES["engine"]) as admin:
        admin.execute("alter table subs_stuck_events enable row level security")
        try:
            outcome = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
        finally:
            admin.execute("alter table subs_stuck_events disable row level security")
    assert "row-level security" in str(outcome.error)
    assert len(live(warehouse, STUCK)) == 2


def test_12_deletions_arrive_as_tombstones(
    extract: Extract, warehouse: Warehouse, sql: Sql
) -> None:
    """Those of Stripe and Jira are in `test_apis`: the platform must go on for them."""
    sql(stuck("brief", iso(BASE - timedelta(days=1))))
    extract("engine", streams={STUCK})
    sql("delete from subs_stuck_events where stuck_event_id = 'brief'")
    outcome = extract("engine", streams={STUCK}, as_of=BASE + HOUR)[STUCK]
    assert (outcome.rows_appended, outcome.rows_deleted) == (0, 1)
    (_, tombstone) = [v for v in versions(warehouse, STUCK) if v["stuck_event_id"] == "brief"]
    assert tombstone["_is_deleted"] and tombstone["event_id"] == "evt"


def test_13_an_empty_answer_truncates_nothing(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("stripe", "jira")
    before = {s: live(warehouse, s) for s in (CUSTOMERS, "stripe.payment_methods", ISSUES)}
    assert all(before.values())
    # Increments without a row.
    for stream, outcome in extract("stripe", "jira", as_of=BASE + HOUR).items():
        assert (outcome.status, outcome.rows_deleted) == ("ok", 0), stream
    # Whole lists that come back empty, with success.
    platform.fault("empty_page", "stripe", path="/v1/customers", count=9)
    platform.fault("empty_page", "stripe", path="/v1/payment_methods", count=9)
    platform.fault("empty_page", "jira", path="/rest/api/3/search", count=9)
    outcomes = extract("stripe", "jira", as_of=BASE + timedelta(days=8))
    for stream, keys in before.items():
        assert outcomes[stream].status == "failed", stream
        assert live(warehouse, stream) == keys


def test_14_a_run_that_read_nothing_makes_nothing_fresh(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("stripe")
    standing = warehouse.cursor(CUSTOMERS)
    assert standing is not None and standing.as_of == BASE
    platform.switch(stripe_key_revoked_at=iso(BASE - timedelta(days=1)))
    for days in (1, 2):
        outcomes = extract("stripe", as_of=BASE + timedelta(days=days))
        assert {o.status for o in outcomes.values()} == {"failed"}
    assert warehouse.cursor(CUSTOMERS) == standing, "the evidence is as old as it was"
    platform.heal()
    # A day that is run again later does not move the horizon either.
    assert {o.mode for o in extract("stripe").values()} == {"already_loaded"}
    assert warehouse.cursor(CUSTOMERS) == standing
    runs = warehouse.rows("select distinct status from ops.stream_runs where as_of > ?", [
        BASE.replace(tzinfo=None)
    ])  # fmt: skip
    assert [r["status"] for r in runs] == ["failed"], "and every attempt is on record"


def test_15_one_dead_key_is_one_question_and_one_incident(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    platform.switch(stripe_key_revoked_at=iso(BASE - timedelta(days=1)))
    platform.take_requests()
    outcomes = extract("stripe")
    assert len({str(o.error) for o in outcomes.values()}) == 1
    assert sum(platform.take_requests().values()) == 1
    states = [
        MetricState(stream, stream, "team", "stale", 54, stream, "ok", "1", "x")
        for stream in outcomes
    ]
    (cause,) = causes_of(states)
    assert cause.name == "stripe"
    assert set(cause.metrics) == set(outcomes)
