"""From reporting models to messages that arrive, over restarts, failures and silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.alerting import commands, evaluate, store
from orchestration.alerting.delivery import Delivery
from orchestration.alerting.evaluate import AlertReport, evaluate_alerts
from orchestration.alerting.heartbeat import watch
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse import open_warehouse
from tests.unit.alerting.receivers import Webhook

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)
REPORTING = """
create schema reporting;
create table reporting.rpt_metric_status as
select * from (values
    ('uncollectible', 'Uncollectible invoices', 'collections', 'Smart Checkout',
     timestamp '2026-03-24 00:00', timestamp '2026-03-25 02:00', 'stripe.invoices', 'ok',
     'stripe.invoices', 45, 60, 'down', date '2026-03-23', 35.0::decimal(38, 9), 'invoices/day'),
    ('stuck', 'Stuck events', 'pipe', 'Dunning Brain',
     timestamp '2026-03-24 00:00', timestamp '2026-03-25 02:00', 'engine.stuck', 'ok',
     'engine.stuck', 20, 100, 'down', date '2026-03-23', 4.0::decimal(38, 9), 'events')
) as t(metric_id, title, owner, workstream, as_of, fresh_until, oldest_source, level, streams,
    warning, critical, direction, value_date, value, unit);
create table reporting.rpt_stream_status as
select * from (values
    ('stripe.invoices', timestamp '2026-03-24 00:00', timestamp '2026-03-25 02:00', null::varchar),
    ('engine.stuck', timestamp '2026-03-24 00:00', timestamp '2026-03-25 02:00', null)
) as t(stream, as_of, fresh_until, last_error);
create table reporting.rpt_metric_restatements (
    metric_id varchar, observation_date date, version_number bigint,
    old_value decimal(38, 9), new_value decimal(38, 9), cause varchar, restated_at timestamp
);
"""


class Home:
    """A warehouse that is opened anew for every evaluation, as by processes of their own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.settings = Settings.model_validate({"home": folder, **settings})
        if not self.settings.run_warehouse_path.exists():
            self.run(REPORTING)

    def run(self, sql: str) -> None:
        with open_warehouse(self.settings, "write") as warehouse:
            for statement in filter(str.strip, sql.split(";")):
                warehouse.execute(statement)  # type: ignore[attr-defined]

    def evaluate(self, hours: float = 0) -> AlertReport:
        with open_warehouse(self.settings, "write") as warehouse:
            at = NOW + timedelta(hours=hours)
            return evaluate_alerts(warehouse, self.settings, at, sleep=lambda _: None)

    def level(self, level: str, metric: str = "stuck") -> None:
        self.run(
            f"update reporting.rpt_metric_status set level = '{level}', value = 120 "
            f"where metric_id = '{metric}'"
        )

    def messages(self) -> list[store.Message]:
        with open_warehouse(self.settings, "write") as warehouse:
            return store.last_messages(warehouse, 100)


@pytest.fixture
def home(tmp_path: Path, webhook: Webhook) -> Home:
    return Home(tmp_path, alert_urls=webhook.url("ok"))


def test_nothing_wrong_sends_nothing(home: Home, webhook: Webhook) -> None:
    report = home.evaluate()
    assert (report.open, report.sent, webhook.messages) == ((), 0, [])


def test_a_message_says_what_since_when_how_bad_what_depends_where_and_how_to_silence(
    home: Home, webhook: Webhook
) -> None:
    home.level("critical")
    (incident,) = home.evaluate().opened
    (message,) = webhook.messages
    assert message["title"].startswith("[critical] Stuck events is at 120 events: critical")
    assert message["type"] == "failure"
    lines = dict(line.split(": ", 1) for line in message["message"].splitlines())
    assert "critical at 100 or above" in lines["What"]
    assert lines["Since"] == "2026-03-24T06:00:00Z (0 min)"
    assert lines["How bad"] == "critical"
    assert lines["Depends on it"].endswith("stuck (workstreams Dunning Brain)")
    assert lines["Owner"] == "pipe"
    assert "runbooks/metric_level.md#stuck" in lines["Where to look"]
    assert f"paygo alerts ack {incident.incident_id}" in lines["Silence"]
    assert f"paygo alerts mute {incident.incident_id}" in lines["Silence"]


def test_evidence_grows_late_between_builds_and_names_source_and_metrics(
    home: Home, webhook: Webhook
) -> None:
    assert home.evaluate(20).open == ()
    report = home.evaluate(20.1)
    assert [(i.cause, i.metrics) for i in report.open] == [
        ("engine", ("stuck",)),
        ("stripe", ("uncollectible",)),
    ]
    assert "Since: 2026-03-25T02:00:00Z" in webhook.messages[0]["message"]


def test_a_past_that_changed_without_a_reason_is_told_with_both_values(
    home: Home, webhook: Webhook
) -> None:
    home.run(
        "insert into reporting.rpt_metric_restatements values "
        "('stuck', date '2026-03-01', 2, 4, 5.5, 'unexplained', timestamp '2026-03-24 05:00'), "
        "('stuck', date '2026-03-02', 2, 4, 9, 'late_data', timestamp '2026-03-24 05:00')"
    )
    assert [i.cause_kind for i in home.evaluate().opened] == ["restatement"]
    assert "1 past value(s) of stuck" in webhook.messages[0]["message"]
    assert "2026-03-01 4 → 5.5" in webhook.messages[0]["message"]
    gone = home.evaluate(24 * 7 + 1)
    assert [i.cause_kind for i in gone.resolved] == ["restatement"]


def test_restarts_send_nothing_twice(home: Home, webhook: Webhook) -> None:
    home.level("warning")
    for hours in (0, 0, 1, 2, 10):
        home.evaluate(hours)
    assert len(webhook.messages) == 1
    home.level("ok")
    for hours in (11, 11, 12):
        home.evaluate(hours)
    assert [m["title"][:10] for m in webhook.messages][1:] == ["[resolved]"]


def test_a_crash_before_sending_loses_no_message(
    home: Home, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> Delivery:
        raise KeyboardInterrupt

    home.level("critical")
    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "send", crash)
        with pytest.raises(KeyboardInterrupt):
            home.evaluate()
    assert webhook.messages == []
    home.evaluate(0.5)
    assert len(webhook.messages) == 1


def test_a_delivery_that_fails_is_visible_and_repeated_without_doubling_the_others(
    tmp_path: Path, webhook: Webhook
) -> None:
    home = Home(tmp_path, alert_urls=f"{webhook.url('500')} {webhook.url('ok')}")
    home.level("critical")
    first = home.evaluate()
    assert [f.split(": ")[1] for f in first.failures] == ["the service answered 500"]
    assert len(webhook.messages) == 1
    second = home.evaluate(0.5)
    assert (len(second.failures), len(webhook.messages)) == (1, 1)
    third = home.evaluate(1)
    (failing,) = [i for i in third.open if i.cause_kind == "delivery"]
    assert "1 message(s) did not arrive" in failing.message
    assert "did not arrive" in webhook.messages[-1]["title"]
    assert "failed" in {m.status for m in home.messages()}


def test_a_channel_that_is_back_gets_what_it_missed(tmp_path: Path, webhook: Webhook) -> None:
    home = Home(tmp_path, alert_urls=webhook.url("second"))
    home.level("critical")
    assert home.evaluate().failures == ()
    assert webhook.tries == ["second", "second"]
    assert len(webhook.messages) == 1


def test_without_a_channel_nothing_is_lost_and_all_is_told_once_there_is_one(
    tmp_path: Path, webhook: Webhook
) -> None:
    home = Home(tmp_path)
    home.level("critical")
    report = home.evaluate()
    assert (len(report.open), len(report.held), report.sent) == (1, 1, 0)
    home.settings = home.settings.model_copy(update={"alert_urls": webhook.url("ok")})
    assert home.evaluate(1).sent == 1


def test_owners_get_their_own(tmp_path: Path, webhook: Webhook) -> None:
    routes = f"pipe={webhook.url('ok')} collections={webhook.url('500')}"
    home = Home(tmp_path, alert_routes=routes)
    home.level("critical")
    assert home.evaluate().failures == ()
    assert set(webhook.tries) == {"ok"}


def test_many_at_once_are_one_message(home: Home, webhook: Webhook) -> None:
    home.run(
        "insert into reporting.rpt_metric_status select metric_id || n, title, owner, workstream, "
        "as_of, fresh_until, oldest_source, 'warning', streams, warning, critical, direction, "
        "value_date, value, unit from reporting.rpt_metric_status, range(4) as t(n)"
    )
    report = home.evaluate()
    assert (len(report.opened), len(webhook.messages)) == (8, 1)
    assert webhook.messages[0]["title"] == "Billing metrics: 8 alerts, 0 resolved"
    assert all(i.incident_id in webhook.messages[0]["message"] for i in report.opened)


@pytest.fixture
def published(home: Home) -> Home:
    with open_warehouse(home.settings, "write") as warehouse:
        warehouse.publish()
    home.settings = home.settings.model_copy(update={"now": "2026-03-24T06:00:00Z"})
    return home


def at(home: Home, hours: float) -> Settings:
    moment = (NOW + timedelta(hours=hours)).isoformat()
    return home.settings.model_copy(update={"now": moment})


def test_acknowledged_and_muted_through_the_commands(published: Home, webhook: Webhook) -> None:
    home = published
    home.level("warning")
    (incident,) = commands.evaluate_now(at(home, 0)).opened
    assert "acknowledged" in commands.acknowledge(at(home, 1), incident.incident_id, "ann")
    assert commands.evaluate_now(at(home, 30)).sent == 2  # both sources are late by then
    assert sum("Stuck" in m["title"] for m in webhook.messages) == 1
    commands.mute(at(home, 30), "source:stripe", 100, "their maintenance")
    commands.mute(at(home, 30), "source:engine", 100, "")
    assert commands.evaluate_now(at(home, 60)).sent == 0
    with open_warehouse(home.settings, "read") as warehouse:
        shown = commands.running_mutes(warehouse, NOW + timedelta(hours=60))
    assert {m["subject"]: m["reason"] for m in shown} == {
        "source:stripe": "their maintenance",
        "source:engine": "",
    }
    commands.unmute(at(home, 61), "source:stripe")
    assert commands.evaluate_now(at(home, 61)).sent == 1
    assert "stripe is late" in webhook.messages[-1]["title"]


@pytest.mark.parametrize(
    "act",
    [
        lambda s: commands.acknowledge(s, "nothing", "ann"),
        lambda s: commands.mute(s, "nothing", 8, ""),
        lambda s: commands.mute(s, "all", 0, ""),
        lambda s: commands.mute(s, "all", 24 * 15, ""),
        lambda s: commands.unmute(s, "all"),
    ],
)
def test_what_cannot_be_done_is_refused(published: Home, act: Callable[[Settings], Any]) -> None:
    with pytest.raises(PermanentFailure):
        act(published.settings)


def test_stopping_the_evaluator_raises_the_dead_man_alert(home: Home, webhook: Webhook) -> None:
    home.evaluate()
    heartbeat = json.loads((home.settings.home / "alerts" / "heartbeat.json").read_text())
    assert heartbeat["evaluated_at"] == "2026-03-24T06:00:00Z"
    assert watch(home.settings, NOW + timedelta(hours=1)).state == "alive"
    assert watch(home.settings, NOW + timedelta(hours=3)).told == "raised"
    assert webhook.messages[-1]["title"] == "[critical] Alert evaluation has stopped"


def test_a_warehouse_of_an_older_version_gains_the_new_columns(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run(
        "drop table ops.incidents; create table ops.incidents (incident_id varchar, "
        "cause_kind varchar, cause varchar, severity varchar, state varchar, owner varchar, "
        "opened_at timestamp, last_notified_at timestamp, acknowledged_at timestamp, "
        "resolved_at timestamp, metrics varchar, message varchar); "
        "insert into ops.incidents values ('metric_level:stuck:x', 'metric_level', 'stuck', "
        "'warning', 'muted', 'pipe', timestamp '2026-03-23 06:00', timestamp '2026-03-23 06:00', "
        "null, null, 'stuck', 'old')"
    )
    home.level("warning")
    report = home.evaluate()
    assert [(i.incident_id, i.announced_severity) for i in report.open] == [
        ("metric_level:stuck:x", "warning")
    ]
    assert report.opened == ()
