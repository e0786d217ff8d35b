"""The dead-man signal: evaluations that stop are told by a watch that needs nothing of theirs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestration.alerting.heartbeat import Heartbeat, beat, watch
from orchestration.settings import Settings
from orchestration.workspace import run_lock
from tests.unit.alerting.receivers import Webhook

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, webhook: Webhook) -> Settings:
    return Settings.model_validate({"home": tmp_path, "alert_urls": webhook.url("ok")})


def at(settings: Settings, hours: float) -> str:
    report = watch(settings, NOW + timedelta(hours=hours), sleep=lambda _: None)
    return f"{report.state} {report.told} {report.exit_code}"


def evaluated(settings: Settings, hours: float = 0) -> None:
    moment = (NOW + timedelta(hours=hours)).isoformat()
    beat(settings, Heartbeat(moment, 18, 2, 0))


def test_a_stopped_evaluator_is_told_once_then_reminded_then_resolved(
    home: Settings, webhook: Webhook
) -> None:
    evaluated(home)
    assert at(home, 2) == "alive nothing 0"
    assert at(home, 2.01) == "silent raised 2"
    assert [at(home, h) for h in (2.5, 4, 6)] == ["silent nothing 2"] * 3
    assert at(home, 6.02) == "silent reminded 2"
    evaluated(home, 6.5)
    assert at(home, 6.6) == "alive resolved 0"
    assert at(home, 6.7) == "alive nothing 0"
    assert [m["title"] for m in webhook.messages] == [
        "[critical] Alert evaluation has stopped",
        "[critical] Alert evaluation has stopped",
        "[resolved] Alert evaluation is back",
    ]
    assert "since 2026-03-24T06:00:00Z (2.0 h)" in webhook.messages[0]["message"]
    assert "runbooks/dead_man.md" in webhook.messages[0]["message"]


def test_no_evaluation_ever_is_silence(home: Settings, webhook: Webhook) -> None:
    assert at(home, 0) == "silent raised 2"
    assert "ever" in webhook.messages[0]["message"]


def test_a_heartbeat_that_cannot_be_read_is_silence(home: Settings) -> None:
    evaluated(home)
    (home.home / "alerts" / "heartbeat.json").write_text("{", encoding="utf-8")
    assert at(home, 0) == "silent raised 2"


def test_the_watch_waits_for_no_lock_and_no_warehouse(home: Settings) -> None:
    evaluated(home)
    with run_lock(home):
        assert at(home, 3) == "silent raised 2"
    assert not home.warehouse_path.exists()


def test_a_message_that_did_not_arrive_is_sent_again(tmp_path: Path, webhook: Webhook) -> None:
    settings = Settings.model_validate({"home": tmp_path, "alert_urls": webhook.url("500")})
    assert at(settings, 0) == "silent raised 2"
    assert at(settings, 0.1) == "silent raised 2"
    working = settings.model_copy(update={"alert_urls": webhook.url("ok")})
    assert at(working, 0.2) == "silent raised 2"
    assert at(working, 0.3) == "silent nothing 2"


def test_without_a_channel_the_exit_code_speaks_every_time(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path})
    assert [at(settings, h) for h in (0, 1)] == ["silent raised 2"] * 2
