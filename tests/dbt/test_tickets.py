"""Tickets by ISO week: boundaries, what happens to tickets, patterns, and the measured error."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.dbt.conftest import Dbt


def weekly(built: Dbt, category: str) -> dict[str, tuple[int, str]]:
    rows = built.rows(
        "select iso_week, tickets, ticket_keys from reporting.rpt_tickets_weekly "
        f"where category = '{category}' and tickets > 0 order by week_start_date"
    )
    return {week: (tickets, keys) for week, tickets, keys in rows}


def test_weeks_turn_on_monday_at_midnight_utc(built: Dbt) -> None:
    assert weekly(built, "bad_debt") == {
        "2025-W52": (1, "BILL-1"),
        "2026-W01": (2, "BILL-2,BILL-3"),
    }


def test_a_ticket_counts_once_whatever_happens_to_it(built: Dbt) -> None:
    """Reopened, relabelled and moved ones once, under their last key; deleted ones not."""
    assert weekly(built, "refund") == {"2026-W09": (3, "BILL-4,BILL-5,OPS-3")}


def test_the_window_is_twelve_complete_weeks_zero_filled(built: Dbt) -> None:
    (row,) = built.rows(
        "select min(iso_week), max(iso_week), count(distinct iso_week), count(*) "
        "from reporting.rpt_tickets_weekly"
    )
    assert row == ("2025-W50", "2026-W09", 12, 120)


def test_changes_cases_and_the_interval_of_the_measured_error(built: Dbt) -> None:
    rows = built.rows(
        "select iso_week, change, tickets_low, tickets_high, support_cases, sure_tickets "
        "from reporting.rpt_tickets_weekly where category = 'refund' "
        "and iso_week in ('2025-W50', '2026-W08', '2026-W09') order by week_start_date"
    )
    # Right share (9 + 1) / (9 + 2), found share (9 + 1) / (10 + 2).
    assert rows == [
        ("2025-W50", None, 0, 0, 0, 0),
        ("2026-W08", 0, 0, 0, 0, 0),
        ("2026-W09", 3, 3, 4, 16, 2),
    ]


def test_the_trend_carries_the_uncertainty_of_the_measured_error(built: Dbt) -> None:
    (row,) = built.rows(
        "select trend_per_week, trend_low, trend_high, trend_direction, cases_per_ticket "
        "from reporting.rpt_ticket_categories where category = 'refund'"
    )
    # Three tickets in the last of twelve weeks: slope 3 * 5.5 / 143; error variance a ticket
    # p(1 - p) + p(1 - r)/r with p = 10/11, r = 10/12.
    slope = 3 * 5.5 / 143
    variance = 10 / 11 * 1 / 11 + 10 / 11 * (2 / 12) / (10 / 12)
    margin = 1.96 * (variance * 5.5**2 * 3) ** 0.5 / 143
    assert [float(x) for x in row[:3]] == pytest.approx(
        [slope, slope - margin, slope + margin], abs=0.001
    )
    assert row[3:] == ("no_clear_trend" if margin > slope else "rising", Decimal("5.33"))


def test_nothing_measured_means_no_interval(built: Dbt) -> None:
    (row,) = built.rows(
        "select tickets_low, trend_low, trend_direction from reporting.rpt_ticket_categories "
        "where category = 'provisioning'"
    )
    assert row == (None, None, "unknown")


def test_an_evidence_entry_is_a_pattern_seen_in_a_week(built: Dbt) -> None:
    rows = built.rows(
        "select pattern_id, iso_week, tickets, ticket_keys, state "
        "from reporting.rpt_pattern_evidence order by pattern_id, week_start_date"
    )
    assert rows == [
        ("banned", "2025-W52", 1, "BILL-1", "new"),
        ("banned", "2026-W01", 2, "BILL-2,BILL-3", "steady"),
        ("forgot", "2026-W09", 1, "OPS-3", "new"),
    ]


def test_a_pattern_without_tickets_for_two_weeks_is_gone(built: Dbt) -> None:
    rows = built.rows(
        "select iso_week, state from reporting.rpt_pattern_weeks where pattern_id = 'banned' "
        "and iso_week in ('2025-W51', '2026-W02', '2026-W03', '2026-W09') order by week_start_date"
    )
    assert rows == [
        ("2025-W51", "not_yet_seen"),
        ("2026-W02", "silent"),
        ("2026-W03", "gone"),
        ("2026-W09", "gone"),
    ]
    patterns = built.rows(
        "select pattern_id, first_week, last_week, evidence_entries, tickets, state "
        "from reporting.rpt_patterns order by display_order"
    )
    assert patterns == [
        ("banned", "2025-W52", "2026-W01", 2, 3, "gone"),
        ("forgot", "2026-W09", "2026-W10", 1, 1, "new"),
    ]
