"""Expected errors are one message on stderr, exit code 1, no traceback, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.workspace import run_lock
from tests.unit.commands.test_doctor import settings_of

PAYGO = str(Path(sys.executable).with_name("paygo"))


def paygo(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PAYGO, *arguments],
        env={"PATH": "/usr/bin:/bin", "PAYGO_HOME": str(home), **environment},
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_one_message(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 1, result.stdout + result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--json"),
        ("drift", "--detector", "stripe"),
        ("verify",),
        ("alerts",),
        ("account", "acc_00000000"),
        ("graph",),
        ("dashboard",),
    ],
)
def test_reading_before_the_first_run_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    home = tmp_path / "home"
    assert_one_message(paygo(home, *arguments), "no warehouse", "make demo")
    assert not home.exists()


def test_a_run_without_sources_names_the_variables(tmp_path: Path) -> None:
    result = paygo(tmp_path / "home", "run")
    assert_one_message(result, "PAYGO_STRIPE_API_KEY", "PAYGO_ENGINE_DSN", "paygo doctor")


def test_an_unknown_selection_lists_what_there_is(tmp_path: Path) -> None:
    result = paygo(tmp_path / "home", "run", "--select", "salesforce")
    assert_one_message(result, "salesforce", "jira", "stripe")


def test_a_file_in_the_place_of_the_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("in the way", encoding="utf-8")
    assert_one_message(paygo(home, "demo", "--accounts", "300"), "PAYGO_HOME")
    assert home.read_text(encoding="utf-8") == "in the way"


def test_the_demo_does_not_begin_beside_sources_of_ones_own(tmp_path: Path) -> None:
    result = paygo(
        tmp_path / "home", "demo", "--accounts", "300", PAYGO_CORE_DSN="postgresql://x/y"
    )
    assert_one_message(result, "PAYGO_CORE_DSN", "unset")
    assert not (tmp_path / "home").exists()


def test_two_runs_do_not_collide(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with run_lock(settings_of(home)):
        result = paygo(home, "demo", "--accounts", "300")
    assert_one_message(result, "another run is in progress", "process ")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("demo", "--scenario", "no-such"), "no-such"),
        (("demo", "--accounts", "3"), "at least"),
        (("world", "--scenario", "no-such"), "no-such"),
    ],
)
def test_a_world_that_cannot_be(tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    assert_one_message(paygo(tmp_path / "home", *arguments), word)


def test_a_clock_that_cannot_be_read(tmp_path: Path) -> None:
    result = paygo(tmp_path / "home", "status", PAYGO_NOW="yesterday")
    assert_one_message(result, "PAYGO_NOW")


def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    result = paygo(tmp_path / "home", "status", PAYGO_POSTGRES_LOOKBACK_MINUTES="soon")
    assert_one_message(result, "PAYGO_POSTGRES_LOOKBACK_MINUTES")


def test_bigquery_without_a_project_is_refused_clearly(tmp_path: Path) -> None:
    assert_one_message(paygo(tmp_path / "home", "bootstrap"), "set PAYGO_BIGQUERY_PROJECT")
    result = paygo(tmp_path / "home", "status", PAYGO_TARGET="bigquery")
    assert_one_message(result, "PAYGO_TARGET=duckdb")


def test_an_alert_test_without_channel_says_which_variable(tmp_path: Path) -> None:
    assert_one_message(paygo(tmp_path / "home", "alerts", "test"), "PAYGO_ALERT_URLS")


def test_the_doctor_exits_with_1_when_something_is_missing(tmp_path: Path) -> None:
    result = paygo(tmp_path / "home", "doctor")
    assert result.returncode == 1
    assert "FAIL  stripe: not configured" in result.stdout
