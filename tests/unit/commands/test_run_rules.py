"""What a failure of a stage means: exit codes, what is published, what a replay still has to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expectations.checks import NO_OBSERVATION
from orchestration.defs.dbt import build_command
from orchestration.defs.quality import held_back
from orchestration.defs.runtime import Attempt, Runtime
from orchestration.demo import World, _start_over_if_other_world, outstanding
from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.extraction import StreamOutcome
from orchestration.pipeline import RunReport, Stages, run_pipeline, selected_streams
from orchestration.sources.contract import CONTRACT, tables
from orchestration.warehouse import open_warehouse
from orchestration.workspace import run_lock
from tests.unit.commands.test_doctor import settings_of

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=6)


def attempt(stream: str, *, ok: bool, at: datetime = NOW) -> Attempt:
    error = None if ok else PermanentFailure("refused.")
    return Attempt(at, StreamOutcome(stream, "ok" if ok else "failed", error=error))


def report(*attempts: Attempt, planned: frozenset[str] = frozenset()) -> RunReport:
    return RunReport(NOW, attempts=list(attempts), planned=planned)


def test_exit_codes_tell_fine_from_partly_from_nothing() -> None:
    good, bad = attempt("core.zones", ok=True), attempt("jira.issues", ok=False)
    assert report(good).exit_code == 0
    assert report(good, bad).exit_code == 2
    assert report(bad).exit_code == 1
    assert "jira.issues: refused." in report(good, bad).summary()


def test_a_planned_failure_is_shown_and_does_not_change_the_exit_code() -> None:
    bad = attempt("stripe.invoices", ok=False)
    planned = report(attempt("core.zones", ok=True), bad, planned=frozenset({"stripe.invoices"}))
    assert planned.exit_code == 0
    assert set(planned.failed) == {"stripe.invoices"}
    other = attempt("core.zones", ok=False)
    assert report(bad, other, planned=frozenset({"stripe.invoices"})).exit_code != 0


def test_a_problem_of_a_later_stage_is_partly_done() -> None:
    found = report(attempt("core.zones", ok=True))
    found.problems.append("page: no reporting model")
    assert found.exit_code == 2


def test_a_stream_that_recovered_is_not_failed() -> None:
    first = attempt("core.zones", ok=False, at=BEFORE)
    assert report(first, attempt("core.zones", ok=True)).failed == {}


def test_select_takes_sources_and_streams_and_asks_only_for_their_credentials(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path, core_dsn="postgresql://127.0.0.1/core")
    assert selected_streams(["core"], settings) == [t.stream for t in tables("core")]
    assert selected_streams(["core.zones"], settings) == ["core.zones"]
    with pytest.raises(PermanentFailure, match="PAYGO_STRIPE_API_KEY"):
        selected_streams(["core", "stripe.invoices"], settings)


class Ledger:
    """A warehouse that knows cursors and attempts."""

    def __init__(self, cursors: dict[str, datetime], attempts: set[tuple[str, datetime]]) -> None:
        self._cursors = cursors
        self._attempts = attempts

    def rows(self, sql: str, params: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        pairs = self._cursors.items() if "stream_cursors" in sql else self._attempts
        return [{"stream": s, "as_of": at.replace(tzinfo=None), "is_ok": False} for s, at in pairs]


def left(ledger: Ledger) -> dict[datetime, set[str]]:
    found = outstanding(ledger, (BEFORE, NOW))  # type: ignore[arg-type]
    return {at: {s for day in sources.values() for s in day} for at, sources in found.items()}


def test_an_empty_warehouse_needs_every_moment_and_files_only_the_last() -> None:
    wanted = left(Ledger({}, set()))
    files = {t.stream for t in CONTRACT if t.source in ("knowledge", "tickets")}
    assert wanted[NOW] == {t.stream for t in CONTRACT}
    assert wanted[BEFORE] == wanted[NOW] - files


def test_a_complete_warehouse_needs_nothing() -> None:
    assert left(Ledger({t.stream: NOW for t in CONTRACT}, set())) == {}


def test_a_failed_day_is_over_but_the_last_moment_is_tried_again() -> None:
    cursors = {t.stream: NOW for t in CONTRACT if t.source != "stripe"}
    cursors |= {t.stream: BEFORE - timedelta(days=1) for t in tables("stripe")}
    attempts = {(t.stream, at) for t in tables("stripe") for at in (BEFORE, NOW)}
    assert left(Ledger(cursors, attempts)) == {NOW: {t.stream for t in tables("stripe")}}


class Notes:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def stage(self, name: str) -> None:
        return

    def days(self, total: int) -> Callable[[datetime], None]:
        return lambda _: None

    def world(self) -> Callable[[float, str], None]:
        return lambda _share, _text: None


def world_of(accounts: int) -> World:
    identity = {"accounts": accounts, "seed": 1, "scenario": "calm", "version": 1}
    return World((NOW,), None, identity)


def test_another_world_starts_a_fresh_warehouse_and_says_so(tmp_path: Path) -> None:
    settings, notes = settings_of(tmp_path), Notes()
    _start_over_if_other_world(settings, world_of(500), notes)
    settings.run_warehouse_path.write_bytes(b"filled from 500 accounts")
    _start_over_if_other_world(settings, world_of(500), notes)
    assert settings.run_warehouse_path.exists()
    assert notes.texts == []
    _start_over_if_other_world(settings, world_of(600), notes)
    assert not settings.run_warehouse_path.exists()
    assert "starting a fresh warehouse for 600 accounts" in notes.texts[0]


def test_the_scenario_plans_stripe_failures_from_the_revocation_on() -> None:
    world = World((BEFORE, NOW), BEFORE + timedelta(hours=1), {})
    assert world.planned_failures(BEFORE) == frozenset()
    assert world.planned_failures(NOW) == {t.stream for t in tables("stripe")}


def test_the_lock_names_its_holder_and_is_given_back(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with (
        run_lock(settings),
        pytest.raises(TransientFailure, match="another run is in progress"),
        run_lock(settings),
    ):
        pass
    with run_lock(settings):
        pass


def test_a_failed_build_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path)
    settings.warehouse_path.write_bytes(b"the last finished state")

    class Failed:
        success = False

        def get_step_failure_events(self) -> list[object]:
            return []

    monkeypatch.setattr(Stages, "_run", lambda *_: Failed())
    with pytest.raises(PermanentFailure, match="models could not be built"):
        Stages(settings, NOW).finish()
    assert settings.warehouse_path.read_bytes() == b"the last finished state"


@pytest.mark.parametrize("asked", [False, True])
def test_a_full_refresh_reaches_dbt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    commands: dict[str, list[str]] = {}

    def run(_: Stages, job: str, runtime: Runtime, *__: object) -> SimpleNamespace:
        commands[job] = build_command(runtime)
        return SimpleNamespace(success=True)

    monkeypatch.setattr(Stages, "_run", run)
    run_pipeline(settings_of(tmp_path), select=["tickets"], full_refresh=asked)
    assert ("--full-refresh" in commands["transform"]) is asked
    assert commands["transform"][0] == "build"


@pytest.mark.parametrize(
    ("rule", "verdict", "stages"),
    [
        ("bounds", "failed", ["check", "alert"]),
        ("bounds", "broken", ["check", "alert"]),
        ("bounds", "passed", ["check", "alert", "page"]),
        ("freshness", "failed", ["check", "alert", "page"]),
    ],
)
def test_a_wrong_number_holds_the_page_back_and_is_still_alerted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, verdict: str, stages: list[str]
) -> None:
    settings = settings_of(tmp_path)
    row = {
        "run_id": "r", "check_id": f"metric.{rule}.m", "suite": "s", "subject_kind": "metric",
        "subject": "m", "rule": rule, "verdict": verdict, "message": "observed -1",
        "evaluated_at": NOW,
    }  # fmt: skip
    with open_warehouse(settings, "write") as warehouse:
        warehouse.append_ops("check_results", [row])
    ran: list[str] = []

    def run(_: Stages, job: str, *__: object) -> SimpleNamespace:
        ran.append(job)
        return SimpleNamespace(success=True)

    monkeypatch.setattr(Stages, "_run", run)
    monkeypatch.setattr(Stages, "_build", lambda _: None)
    made = Stages(settings, NOW)
    made.finish()
    assert ran == stages
    assert settings.warehouse_path.exists(), "readers see the check that failed"
    assert made.report.exit_code == (0 if "page" in stages else 2)
    assert ("page held back" in made.report.summary()) == ("page" not in stages)


def test_a_metric_that_lost_its_number_holds_the_page_and_one_without_any_does_not(
    tmp_path: Path,
) -> None:
    def result(subject: str, message: str, at: datetime) -> dict[str, object]:
        return {
            "run_id": "r", "check_id": f"metric.bounds.{subject}", "suite": "s",
            "subject_kind": "metric", "subject": subject, "rule": "bounds",
            "verdict": "broken" if message else "passed", "message": message, "evaluated_at": at,
        }  # fmt: skip

    with open_warehouse(settings_of(tmp_path), "write") as warehouse:
        warehouse.append_ops(
            "check_results",
            [
                result("lost", "", BEFORE), result("lost", NO_OBSERVATION, NOW),
                result("never", NO_OBSERVATION, BEFORE), result("never", NO_OBSERVATION, NOW),
                result("asked", "the query is broken", NOW),
            ],
        )  # fmt: skip
        wrong = held_back(warehouse, NOW)
    assert [text.split(":")[0] for text in wrong] == ["metric.bounds.asked", "metric.bounds.lost"]
