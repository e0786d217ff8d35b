"""What staging shows of the landed versions: what is committed, the last of it, and its past."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.dbt.conftest import DAYS, Dbt

FIRST, SECOND, THIRD = DAYS


def test_current_rows_are_the_last_committed_versions_that_live(built: Dbt) -> None:
    rows = built.rows(
        "select account_id, flags, _as_of from staging.stg_engine__accounts order by account_id"
    )
    assert rows == [
        ("acc_back", 4, THIRD),
        ("acc_flagged", 32768, SECOND),
        ("acc_quiet", 0, FIRST),
    ]


def test_history_is_gapless_and_shows_deletions_as_versions(built: Dbt) -> None:
    rows = built.rows(
        "select account_id, flags, valid_from, valid_to, is_deleted "
        "from staging.stg_engine__accounts_history order by account_id, valid_from"
    )
    assert rows == [
        ("acc_back", 1, FIRST, SECOND, False),
        ("acc_back", 1, SECOND, THIRD, True),
        ("acc_back", 4, THIRD, None, False),
        ("acc_flagged", 0, FIRST, SECOND, False),
        ("acc_flagged", 32768, SECOND, None, False),
        ("acc_gone", 1, FIRST, SECOND, False),
        ("acc_gone", 1, SECOND, None, True),
        ("acc_quiet", 0, FIRST, None, False),
    ]


def state_at(dbt: Dbt, moment: datetime) -> list[tuple[str, int]]:
    rows = dbt.rows(
        "select account_id, flags from staging.stg_engine__accounts_history "
        f"where valid_from <= '{moment}' and coalesce(valid_to > '{moment}', true) "
        "and not is_deleted order by account_id"
    )
    return [(account, flags) for account, flags in rows]


def test_the_state_at_any_moment_is_derived_from_history(built: Dbt) -> None:
    assert state_at(built, FIRST) == [
        ("acc_back", 1),
        ("acc_flagged", 0),
        ("acc_gone", 1),
        ("acc_quiet", 0),
    ]
    assert state_at(built, SECOND) == [("acc_flagged", 32768), ("acc_quiet", 0)]
    assert state_at(built, THIRD) == [("acc_back", 4), ("acc_flagged", 32768), ("acc_quiet", 0)]


def test_accounts_of_the_mart_follow_staging(built: Dbt) -> None:
    rows = built.rows(
        "select account_id, is_bad_debt_flagged, bad_debt_combination "
        "from marts.dim_accounts order by account_id"
    )
    assert rows == [
        ("acc_back", False, "000"),
        ("acc_flagged", True, "100"),
        ("acc_quiet", False, "000"),
    ]


@pytest.mark.full  # parses the whole project again
def test_a_build_without_a_moment_says_what_to_pass(built: Dbt) -> None:
    done = built.run("compile", "--select", "int_time__metric_days", "--vars", "{}")
    assert done.returncode != 0
    assert "as_of" in done.stdout
    assert "--vars" in done.stdout
