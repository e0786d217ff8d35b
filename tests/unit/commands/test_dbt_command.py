"""A call of dbt tells dbt what it needs and, when dbt refuses, tells the caller why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.dbt_command import run_dbt, target_folder
from orchestration.errors import PermanentFailure
from tests.unit.commands.test_doctor import settings_of

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)


def test_what_dbt_refuses_ends_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure) as caught:
        run_dbt(
            settings_of(tmp_path),
            NOW,
            *("list", "--no-such-option"),
            failure="the models cannot be listed",
            todo="leave the option out.",
        )
    assert caught.value.what.startswith("the models cannot be listed: ")
    assert "No such option" in caught.value.what
    assert caught.value.tried == "dbt list --no-such-option as of 2026-03-24T06:00:00Z"
    assert caught.value.todo == "leave the option out."


def test_artefacts_of_the_engines_never_mix(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    other = settings.model_copy(update={"target": "bigquery"})
    assert target_folder(settings).is_dir()
    assert target_folder(settings) != target_folder(other)
