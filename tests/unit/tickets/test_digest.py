"""The weekly digest: counts, changes, freshness, links, escaping, and its errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from dashboards.claims import declare
from dashboards.figures import Figures
from dashboards.verification import hash_of, run_query
from orchestration.alerting.delivery import Delivery
from orchestration.clock import FixedClock
from orchestration.defs.digest import DIGEST_SCHEDULE, digest_job
from orchestration.defs.schedules import SCHEDULES
from orchestration.errors import PermanentFailure
from orchestration.tickets.digest import last_week, send_digest, write_digest
from orchestration.tickets.digest_content import week_label, week_start
from tests.unit.alerting.receivers import Webhook

SCRIPT = "<script>alert(1)</script>"


TABLES = {
    "rpt_tickets_weekly": "iso_week varchar, week_start_date date, category varchar,"
    " tickets bigint, change bigint, engineering_blocked bigint,"
    " engineering_blocked_percent decimal(38,9), sure_tickets bigint,"
    " tickets_low bigint, tickets_high bigint, support_cases bigint, ticket_keys varchar",
    "rpt_ticket_categories": "category varchar, title varchar, workstream varchar, link varchar,"
    " mechanism varchar, metric_id varchar, tickets bigint, tickets_low bigint,"
    " tickets_high bigint, peak_week varchar, peak_tickets bigint, cases_per_ticket decimal(38,9),"
    " trend_per_week decimal(38,9), trend_low decimal(38,9), trend_high decimal(38,9),"
    " trend_direction varchar",
    "rpt_metric_status": "metric_id varchar, title varchar, unit varchar, workstream varchar,"
    " value decimal(38,9), value_date date, as_of timestamp, evidence varchar, freshness varchar,"
    " stale_by_hours bigint, oldest_source varchar, level varchar, owner varchar, streams varchar,"
    " check_verdict varchar",
    "rpt_stream_status": "stream varchar, source varchar, as_of timestamp, age_hours bigint,"
    " fresh_until timestamp, is_stale boolean, last_attempt_at timestamp, last_status varchar,"
    " last_error varchar",
    "rpt_patterns": "pattern_id varchar, title varchar, description varchar, display_order bigint,"
    " first_week varchar, last_week varchar, trend_per_week decimal(38,9),"
    " trend_low decimal(38,9), trend_high decimal(38,9), trend_direction varchar",
    "rpt_pattern_weeks": "pattern_id varchar, category varchar, iso_week varchar, tickets bigint,"
    " change bigint, state varchar, ticket_keys varchar",
    "rpt_ticket_quality": "category varchar, tested_tickets bigint, correct_tickets bigint,"
    " f1 decimal(38,9)",
    "rpt_ticket_candidates": "candidate_id varchar, category varchar, terms varchar,"
    " tickets bigint, last_week varchar, ticket_keys varchar",
}


class DuckRows:
    """A warehouse in memory with the reporting models the digest reads, and nothing else."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.db.execute("create schema reporting")
        for name, columns in TABLES.items():
            self.db.execute(f"create table reporting.{name} ({columns})")

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        return self.db.sql(sql, params=list(params)).to_arrow_table()

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        return list(self.query(sql, params).to_pylist())

    def fill(self, table: str, rows: list[tuple[object, ...]]) -> None:
        marks = ", ".join("?" for _ in rows[0])
        self.db.executemany(f"insert into reporting.{table} values ({marks})", rows)


def weekly(week: str, day: date, category: str, *counts: int | None, keys: str) -> tuple[Any, ...]:
    """Counts: tickets, change, blocked, sure, low, high, cases."""
    tickets, change, blocked, *others = counts
    percent = Decimal(100 * (blocked or 0)) / Decimal(tickets or 1)
    return (week, day, category, tickets, change, blocked, percent, *others, keys)


W11, W12 = date(2026, 3, 9), date(2026, 3, 16)


@pytest.fixture
def warehouse() -> DuckRows:
    made = DuckRows()
    made.fill(
        "rpt_tickets_weekly",
        [
            weekly("2026-W11", W11, "bad_debt", 2, None, 2, 2, 1, 3, 2, keys="BILL-1,BILL-2"),
            weekly("2026-W11", W11, "refund", 1, None, 0, 1, 1, 1, 1, keys="BILL-5"),
            weekly("2026-W12", W12, "bad_debt", 1, -1, 1, 1, 1, 2, 4, keys="BILL-20"),
            weekly("2026-W12", W12, "refund", 3, 2, 0, 3, 2, 4, 3, keys="BILL-10,BILL-11,BILL-9"),
        ],
    )
    made.fill(
        "rpt_ticket_categories",
        [
            ("bad_debt", "Bad Debt " + SCRIPT, "Dunning Brain", "direct", "why|x",
             "bad_debt_inconsistent_accounts", 7, 5, 9, "2026-W11", 2, Decimal("1.5"),
             Decimal("-0.28"), Decimal("-0.512"), Decimal("-0.047"), "falling"),
            ("refund", "Refund", None, "none", None, None, 10, 9, 12, "2026-W12", 3,
             Decimal("1"), Decimal("0.1"), Decimal("-0.2"), Decimal("0.4"), "no_clear_trend"),
        ],
    )  # fmt: skip
    made.fill(
        "rpt_metric_status",
        [
            ("bad_debt_inconsistent_accounts", "Inconsistent accounts", "accounts",
             "Dunning Brain", Decimal("1529.000000000"), date(2026, 3, 21),
             "2026-03-22", "measured", "stale", 54, "stripe.customers", "warning",
             "billing", "stripe.customers", "passed"),
            ("unused", "Unused metric", "accounts", "x", Decimal("1"), date(2026, 3, 21),
             "2026-03-22", "measured", "fresh", 0, "engine", "ok",
             "billing", "engine.accounts", "passed"),
        ],
    )  # fmt: skip
    read = ("2026-03-24", 6, "2026-03-25 02:00:00", False, None, "ok", None)
    made.fill(
        "rpt_stream_status",
        [
            ("jira.issues", "jira", *read),
            ("tickets.classifications", "tickets", *read),
            ("stripe.customers", "stripe", "2026-03-22", 54, "2026-03-23 02:00:00", True,
             None, "failed", "refused"),
        ],
    )  # fmt: skip
    trend = (Decimal("0.1"), Decimal("-0.1"), Decimal("0.3"), "no_clear_trend")
    made.fill(
        "rpt_patterns",
        [
            ("forgot", "Forgot", SCRIPT, 1, "2026-W11", "2026-W12", *trend),
            ("banned", "Banned", "Said so.", 2, "2026-W12", "2026-W12", *trend),
            ("old", "Old story", "Was.", 3, "2026-W02", "2026-W09", *trend),
        ],
    )
    made.fill(
        "rpt_pattern_weeks",
        [
            ("forgot", "refund", "2026-W12", 3, 2, "growing", "BILL-10,BILL-11,BILL-9"),
            ("banned", "bad_debt", "2026-W12", 1, 1, "new", "BILL-20"),
            ("old", "refund", "2026-W12", 0, 0, "gone", ""),
        ],
    )
    made.fill("rpt_ticket_quality", [("bad_debt", 10, 9, Decimal("0.9")),
                                     ("refund", 10, 10, Decimal("0.95"))])  # fmt: skip
    made.fill(
        "rpt_ticket_candidates",
        [
            ("candidate-BILL-9", "refund", "wallet, <b>fish</b>", 3, "2026-W12", "BILL-9"),
            ("candidate-BILL-1", "refund", "long ago", 3, "2026-W03", "BILL-1"),
        ],
    )
    return made


def test_counts_changes_intervals_metric_and_keys_are_shown(
    warehouse: DuckRows, tmp_path: Path
) -> None:
    report = write_digest(warehouse, "2026-W12", tmp_path / "digests")
    text = report.markdown.read_text("utf-8")
    assert report.markdown.name == "tickets-2026-W12.md"
    assert "2026-03-16 to 2026-03-22 (UTC)" in text
    assert "**4 tickets** (+1 against the week before), 1 of them" in text
    assert "7 support cases" in text
    row = next(line for line in text.splitlines() if line.startswith("| Bad Debt"))
    assert "| 1 | 1 to 2 | −1 | 1 (100 %) | 4 | 7 | 5 to 9 | −0.28 (−0.512 to −0.047) |" in row
    assert "| 2026-W11 (2) | Dunning Brain (direct) |" in row
    assert "| 1,529 (stale) | stale by 54 h (stripe.customers) |" in row
    assert "Refund rose from 1 to 3 tickets; 0 need an engineer." in text
    assert "is falling over the window by −0.28 tickets a week" in text
    assert "Refund is at its peak of the window (3 tickets)" in text
    assert "macro-F1 0.925 and puts 95 %" in text
    assert "- Refund (3): BILL-9, BILL-10, BILL-11\n" in text
    assert "Unused metric" not in text


def test_patterns_stand_under_what_became_of_them(warehouse: DuckRows, tmp_path: Path) -> None:
    text = write_digest(warehouse, "2026-W12", tmp_path).markdown.read_text("utf-8")
    parts = dict(part.split("\n", 1) for part in text.split("### ")[1:])
    assert "- Banned (banned): 1 tickets (+1), seen 2026-W12 to 2026-W12: BILL-20" in parts["New"]
    assert "BILL-9, BILL-10, BILL-11" in parts["Growing"]
    assert "- Old story (old): 0 tickets" in parts["Gone"]
    assert parts["Most tickets"].index("Forgot") < parts["Most tickets"].index("Banned")
    assert "Old story" not in parts["Most tickets"]
    assert "3 tickets: BILL-9" in parts["Not named yet"]
    assert "long ago" not in parts["Not named yet"]


def test_html_expands_every_count_and_escapes_all_text(warehouse: DuckRows, tmp_path: Path) -> None:
    html = write_digest(warehouse, "2026-W12", tmp_path).html.read_text("utf-8")
    assert "<script" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2
    assert '<a href="#tickets-refund">tickets</a>' in html
    assert '<h3 id="tickets-refund"><bdi dir="auto">Refund</bdi>' in html
    assert "BILL-9, BILL-10, BILL-11" in html


def test_markdown_cannot_be_broken_by_a_title(warehouse: DuckRows, tmp_path: Path) -> None:
    text = write_digest(warehouse, "2026-W12", tmp_path).markdown.read_text("utf-8")
    assert "<script>" not in text
    assert "<b>" not in text
    assert "why\\|x" in text


def test_every_figure_is_a_claim_that_its_query_yields_again(
    warehouse: DuckRows, tmp_path: Path
) -> None:
    report = write_digest(warehouse, "2026-W12", tmp_path)
    with Figures(warehouse) as figures:  # type: ignore[arg-type]
        declared = {c.claim_id: c for c in declare(figures.names)}
    sources = report.markdown.read_text("utf-8").split("## Where the figures come from")[1]
    hashes = {
        line.split(" | ")[0].strip("| ").replace("\\", ""): line.split(" | ")[2]
        for line in sources.splitlines()
        if line.startswith("| ") and not line.startswith("| Claim")
    }
    html = report.html.read_text("utf-8")
    linked = set(re.findall(r'data-claim="([^"]+)" href="#source-\1"', html))
    assert linked <= set(hashes) and len(linked) > 12
    assert {"digest.2026-W12.categories", "tickets.intervals", "tickets.quality.right"} <= linked
    for claim_id, said in hashes.items():
        assert hash_of(declared[claim_id].sql) == said
        assert run_query(warehouse, declared[claim_id].sql)[1] == ""
    assert ">3</bdi>" in html


def test_a_number_of_the_data_moves_the_digest_and_a_typed_one_is_refused(
    warehouse: DuckRows, tmp_path: Path
) -> None:
    warehouse.db.execute("update reporting.rpt_tickets_weekly set support_cases = 70")
    text = write_digest(warehouse, "2026-W12", tmp_path).markdown.read_text("utf-8")
    assert "140 support cases" in text
    warehouse.db.execute("update reporting.rpt_metric_status set workstream = 'about 27 percent'")
    with pytest.raises(PermanentFailure, match="number without provenance: <bdi> about 27 percent"):
        write_digest(warehouse, "2026-W12", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_an_old_or_broken_figure_says_so_beside_the_number(
    warehouse: DuckRows, tmp_path: Path
) -> None:
    warehouse.db.execute(
        "update reporting.rpt_stream_status set age_hours = 60,"
        " fresh_until = timestamp '2026-03-23', is_stale = true where stream = 'jira.issues'"
    )
    warehouse.db.execute("alter table reporting.rpt_ticket_quality drop column f1")
    text = write_digest(warehouse, "2026-W12", tmp_path).markdown.read_text("utf-8")
    assert "**4 (stale) tickets**" in text
    assert "macro-F1 – (query failed)" in text


def test_a_table_that_cannot_be_read_is_an_error_and_no_empty_digest(
    warehouse: DuckRows, tmp_path: Path
) -> None:
    warehouse.db.execute("alter table reporting.rpt_ticket_categories drop column trend_low")
    with pytest.raises(PermanentFailure, match=r"tickets\.intervals.*trend_low"):
        write_digest(warehouse, "2026-W12", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_second_run_is_byte_identical(warehouse: DuckRows, tmp_path: Path) -> None:
    first = [p.read_bytes() for p in write_digest(warehouse, "2026-W12", tmp_path / "a")]
    again = [p.read_bytes() for p in write_digest(warehouse, "2026-W12", tmp_path / "b")]
    assert first == again
    assert not list(tmp_path.rglob("*.partial"))


def test_the_first_week_of_the_window_has_no_change(warehouse: DuckRows, tmp_path: Path) -> None:
    text = write_digest(warehouse, "2026-W11", tmp_path).markdown.read_text("utf-8")
    assert "**3 tickets** (– against the week before)" in text


def test_without_a_measurement_no_interval_is_claimed(warehouse: DuckRows, tmp_path: Path) -> None:
    warehouse.db.execute("delete from reporting.rpt_ticket_quality")
    warehouse.db.execute("update reporting.rpt_tickets_weekly set tickets_low = null")
    text = write_digest(warehouse, "2026-W12", tmp_path).markdown.read_text("utf-8")
    assert "nothing has been measured" in text
    assert "macro-F1" not in text
    assert "| 1 | – | −1 |" in text


def test_sending_reports_each_channel_and_carries_the_text(
    warehouse: DuckRows, tmp_path: Path
) -> None:
    receiver = Webhook()
    try:
        report = write_digest(warehouse, "2026-W12", tmp_path)
        outcomes = send_digest(report, "2026-W12", f"{receiver.url('ok')} nosuch://service")
    finally:
        receiver.close()
    found = [(o.channel.split("-")[0], o.delivered) for o in outcomes]
    assert found == [("json", True), ("nosuch", False)]
    (message,) = receiver.messages
    assert message["title"] == "Tickets of week 2026-W12"
    assert message["message"].strip() == report.markdown.read_text("utf-8").strip()


def test_the_digest_is_scheduled_for_monday_after_the_morning_run() -> None:
    assert DIGEST_SCHEDULE in SCHEDULES
    assert DIGEST_SCHEDULE.cron_schedule == "0 7 * * 1"
    assert DIGEST_SCHEDULE.execution_timezone == "UTC"
    assert last_week(date(2026, 3, 23)) == "2026-W12"
    assert last_week(date(2027, 1, 4)) == "2026-W53"
    assert last_week(date(2026, 1, 4)) == "2025-W52"


class Place:
    """Settings as far as the job reads them."""

    def __init__(self, home: Path, alert_urls: str) -> None:
        self.home, self.alert_urls = home, alert_urls

    def clock(self) -> FixedClock:
        return FixedClock(datetime(2026, 3, 23, 7, tzinfo=UTC))


@pytest.mark.parametrize(
    ("urls", "delivered", "ends_well"),
    [("", True, True), ("json://x", True, True), ("json://x", False, False)],
)
def test_the_job_writes_last_week_and_fails_when_a_channel_does(
    warehouse: DuckRows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    urls: str,
    delivered: bool,
    ends_well: bool,
) -> None:
    sent: list[str] = []

    def deliver(to: str, title: str, body: str) -> list[Delivery]:
        sent.append(title)
        return [Delivery("json", delivered, "refused")]

    monkeypatch.setattr("orchestration.alerting.delivery.deliver", deliver)
    monkeypatch.setattr("orchestration.warehouse.open_warehouse", lambda *_: nullcontext(warehouse))
    monkeypatch.setattr("orchestration.settings.Settings.load", lambda: Place(tmp_path, urls))
    result = digest_job.execute_in_process(raise_on_error=False)
    assert result.success is ends_well
    assert sent == (["Tickets of week 2026-W12"] if urls else [])
    assert (tmp_path / "digests" / "tickets-2026-W12.html").exists()


@pytest.mark.parametrize("week", ["2026-12", "2026-W54", "2025-W53", "W12", "2026-W00", "x/../y"])
def test_what_is_no_week_is_refused(warehouse: DuckRows, tmp_path: Path, week: str) -> None:
    with pytest.raises(PermanentFailure, match="not an ISO week"):
        write_digest(warehouse, week, tmp_path)


def test_a_week_outside_the_window_names_the_window(warehouse: DuckRows, tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="it knows 2026-W11 to 2026-W12"):
        write_digest(warehouse, "2026-W13", tmp_path)
    assert not list(tmp_path.iterdir())


def test_counts_without_their_keys_are_an_error(warehouse: DuckRows, tmp_path: Path) -> None:
    warehouse.db.execute(
        "update reporting.rpt_tickets_weekly set ticket_keys = '' where category = 'bad_debt'"
    )
    with pytest.raises(PermanentFailure, match="disagree for bad_debt"):
        write_digest(warehouse, "2026-W12", tmp_path)
    assert not list(tmp_path.iterdir())


def test_weeks_turn_with_the_iso_year() -> None:
    assert week_start("2026-W53") == date(2026, 12, 28)
    assert week_start("2026-W01") == date(2025, 12, 29)
    assert week_label(date(2027, 1, 3)) == "2026-W53"
    assert week_label(date(2025, 12, 29)) == "2026-W01"
