"""The weekly digest: counts, changes, freshness, links, escaping, and its errors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.errors import PermanentFailure
from orchestration.tickets.digest import week_label, week_start, write_digest

SCRIPT = "<script>alert(1)</script>"


class DuckRows:
    """A warehouse in memory with the reporting models the digest reads."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.db.execute("create schema reporting; create schema marts")
        self.db.execute(
            "create table reporting.rpt_tickets_weekly (iso_week varchar, week_start_date date,"
            " category varchar, tickets bigint, engineering_blocked bigint);"
            "create table reporting.rpt_ticket_categories (category varchar, title varchar,"
            " workstream varchar, link varchar, mechanism varchar, tickets bigint,"
            " peak_week varchar, peak_tickets bigint);"
            "create table reporting.rpt_metric_status (metric_id varchar, title varchar,"
            " unit varchar, workstream varchar, value decimal(38,9), value_date date,"
            " as_of timestamp, evidence varchar, freshness varchar, stale_by_hours bigint,"
            " oldest_source varchar, level varchar);"
            "create table marts.fct_tickets (issue_key varchar, iso_week varchar,"
            " category varchar, is_engineering boolean)"
        )

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        found = self.db.execute(sql, params)
        names = [d[0] for d in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def fill(self, table: str, rows: list[tuple[object, ...]]) -> None:
        marks = ", ".join("?" for _ in rows[0])
        self.db.executemany(f"insert into {table} values ({marks})", rows)


@pytest.fixture
def warehouse() -> DuckRows:
    made = DuckRows()
    made.fill(
        "reporting.rpt_tickets_weekly",
        [
            ("2026-W11", date(2026, 3, 9), "bad_debt", 5, 5),
            ("2026-W11", date(2026, 3, 9), "refund", 4, 0),
            ("2026-W12", date(2026, 3, 16), "bad_debt", 2, 1),
            ("2026-W12", date(2026, 3, 16), "refund", 6, 0),
        ],
    )
    made.fill(
        "reporting.rpt_ticket_categories",
        [
            (
                "bad_debt",
                "Bad Debt " + SCRIPT,
                "Dunning Brain",
                "direct",
                "why|x",
                7,
                "2026-W11",
                5,
            ),
            ("refund", "Refund", None, "none", None, 10, "2026-W12", 6),
        ],
    )
    made.fill(
        "reporting.rpt_metric_status",
        [
            ("bad_debt_inconsistent_accounts", "Inconsistent accounts", "accounts",
             "Dunning Brain", Decimal("1529.000000000"), date(2026, 3, 21),
             "2026-03-22", "measured", "stale", 54, "stripe.customers", "warning"),
        ],
    )  # fmt: skip
    keys = [(f"BILL-{n}", "2026-W12", "refund", True) for n in (9, 10, 11, 12, 13)]
    keys += [("BILL-14", "2026-W12", "refund", True), ("BILL-15", "2026-W12", "refund", False)]
    keys += [("BILL-20", "2026-W12", "bad_debt", True), ("BILL-3", "2026-W12", "bad_debt", True)]
    keys += [("BILL-1", "2026-W11", "refund", True)]
    made.fill("marts.fct_tickets", keys)
    return made


def test_counts_changes_metric_and_keys_are_shown(warehouse: DuckRows, tmp_path: Path) -> None:
    report = write_digest(warehouse, "2026-W12", tmp_path / "digests")
    text = report.markdown.read_text("utf-8")
    assert report.markdown.name == "tickets-2026-W12.md"
    assert "2026-03-16 to 2026-03-22 (UTC)" in text
    assert "**8 tickets** (−1 against the week before), 1 of them" in text
    row = next(line for line in text.splitlines() if line.startswith("| Bad Debt"))
    assert "| 2 | −3 | 1 (50 %) | 7 | 2026-W11 (5) | Dunning Brain (direct) |" in row
    assert "| 1,529 | stale by 54 h (stripe.customers) |" in row
    assert "Refund rose from 4 to 6 tickets" in text
    assert "Refund is at its peak of the window (6 tickets)" in text
    assert "- Refund (6): BILL-9, BILL-10, BILL-11, BILL-12, BILL-13, BILL-14\n" in text


def test_html_expands_every_count_and_escapes_all_text(warehouse: DuckRows, tmp_path: Path) -> None:
    html = write_digest(warehouse, "2026-W12", tmp_path).html.read_text("utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert '<a href="#tickets-refund">Refund</a>' in html
    assert '<details id="tickets-refund"><summary>Refund: 6 tickets</summary>' in html
    assert "BILL-15" not in html


def test_markdown_cannot_be_broken_by_a_title(warehouse: DuckRows, tmp_path: Path) -> None:
    text = write_digest(warehouse, "2026-W12", tmp_path).markdown.read_text("utf-8")
    assert "<script>" not in text
    assert "why\\|x" in text


def test_a_second_run_is_byte_identical(warehouse: DuckRows, tmp_path: Path) -> None:
    first = [p.read_bytes() for p in write_digest(warehouse, "2026-W12", tmp_path / "a")]
    again = [p.read_bytes() for p in write_digest(warehouse, "2026-W12", tmp_path / "b")]
    assert first == again
    assert not list(tmp_path.rglob("*.partial"))


def test_the_first_week_of_the_window_has_no_change(warehouse: DuckRows, tmp_path: Path) -> None:
    warehouse.db.execute("delete from marts.fct_tickets where iso_week = '2026-W11'")
    rows = [(f"BILL-{n}", "2026-W11", "refund", True) for n in range(100, 104)]
    rows += [(f"BILL-{n}", "2026-W11", "bad_debt", True) for n in range(200, 205)]
    warehouse.fill("marts.fct_tickets", rows)
    text = write_digest(warehouse, "2026-W11", tmp_path).markdown.read_text("utf-8")
    assert "**9 tickets** (– against the week before)" in text


@pytest.mark.parametrize("week", ["2026-12", "2026-W54", "2025-W53", "W12", "2026-W00", "x/../y"])
def test_what_is_no_week_is_refused(warehouse: DuckRows, tmp_path: Path, week: str) -> None:
    with pytest.raises(PermanentFailure, match="not an ISO week"):
        write_digest(warehouse, week, tmp_path)


def test_a_week_outside_the_window_names_the_window(warehouse: DuckRows, tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="it knows 2026-W11 to 2026-W12"):
        write_digest(warehouse, "2026-W13", tmp_path)
    assert not list(tmp_path.iterdir())


def test_counts_without_their_keys_are_an_error(warehouse: DuckRows, tmp_path: Path) -> None:
    warehouse.db.execute("delete from marts.fct_tickets where issue_key = 'BILL-20'")
    with pytest.raises(PermanentFailure, match="disagree for bad_debt"):
        write_digest(warehouse, "2026-W12", tmp_path)
    assert not list(tmp_path.iterdir())


def test_weeks_turn_with_the_iso_year() -> None:
    assert week_start("2026-W53") == date(2026, 12, 28)
    assert week_start("2026-W01") == date(2025, 12, 29)
    assert week_label(date(2027, 1, 3)) == "2026-W53"
    assert week_label(date(2025, 12, 29)) == "2026-W01"
