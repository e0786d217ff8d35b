"""A delivery that fails is visible, is tried again, and no secret of a URL is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from orchestration.alerting.delivery import WAITS, channel_name, deliver, send
from tests.unit.alerting.receivers import Mailbox, Webhook


class Pauses(list[float]):
    """Remembers how long one would have slept."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_a_message_arrives(webhook: Webhook) -> None:
    outcome = send(webhook.url("ok"), "Late", "stripe is late")
    assert (outcome.channel[:5], outcome.delivered, outcome.tries) == ("json-", True, 1)
    assert webhook.messages[0]["message"] == "stripe is late"


def test_a_service_that_fails_once_is_tried_again(webhook: Webhook) -> None:
    pauses = Pauses()
    outcome = send(webhook.url("second"), "Late", "x", sleep=pauses)
    assert (outcome.delivered, outcome.tries, pauses) == (True, 2, [WAITS[0]])
    assert len(webhook.messages) == 1


def test_a_service_that_answers_500_is_told_after_three_tries(webhook: Webhook) -> None:
    pauses = Pauses()
    outcome = send(webhook.url("500", secret="hush"), "Late", "x", sleep=pauses)
    assert (outcome.delivered, outcome.tries) == (False, 3)
    assert outcome.message == "the service answered 500"
    assert pauses == list(WAITS)
    assert webhook.tries == ["500"] * 3
    assert "hush" not in outcome.message + outcome.channel


def test_a_service_that_never_answers_is_a_failure_too(webhook: Webhook) -> None:
    outcome = send(webhook.url("slow"), "Late", "x", sleep=Pauses())
    assert not outcome.delivered
    assert outcome.message == "no connection, or no answer in time"


def test_nobody_listening_is_a_failure() -> None:
    outcome = send("json://127.0.0.1:9/x?cto=1", "Late", "x", sleep=Pauses())
    assert outcome.message == "no connection, or no answer in time"


def test_one_channel_that_refuses_does_not_hide_the_other(webhook: Webhook) -> None:
    urls = f"{webhook.url('500')} {webhook.url('ok')}"
    refused, arrived = deliver(urls, "Late", "x", sleep=Pauses())
    assert (refused.delivered, arrived.delivered) == (False, True)


def test_an_unknown_kind_of_url_is_told() -> None:
    (outcome,) = deliver("carrier-pigeon://roof", "Late", "x")
    assert not outcome.delivered
    assert "PAYGO_ALERT_URLS" in outcome.message


def test_two_channels_of_one_kind_have_two_names_and_no_secret() -> None:
    one, two = channel_name("slack://T/token1/x"), channel_name("slack://T/token2/x")
    assert one != two
    assert one.startswith("slack-")
    assert "token" not in one


def test_mail_goes_through_a_real_smtp_server(mailbox: Mailbox) -> None:
    outcome = send(mailbox.url, "[critical] stripe is late", "What: late", sleep=Pauses())
    assert outcome.delivered, outcome.message
    assert "Subject: [critical] stripe is late" in mailbox.mails[0]
    assert "team@example.com" in mailbox.mails[0]


def test_a_mail_server_that_refuses_is_told(mailbox: Mailbox) -> None:
    mailbox.refusing = True
    outcome = send(mailbox.url, "x", "y", sleep=Pauses())
    assert (outcome.delivered, outcome.tries, mailbox.mails) == (False, 3, [])


@pytest.fixture
def requests_sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What would leave for services that are not here: the request itself, up to the socket."""
    seen: list[tuple[str, Any]] = []

    def answer(self: requests.Session, request: requests.PreparedRequest, **_: Any) -> Any:
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        seen.append((request.url or "", json.loads(body or "{}")))
        response = requests.Response()
        response.status_code = 202 if "pagerduty" in (request.url or "") else 200
        response._content = b"ok"
        return response

    monkeypatch.setattr(requests.Session, "send", answer)
    return seen


def test_slack_gets_title_and_text(requests_sent: list[tuple[str, Any]]) -> None:
    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert send(url, "[critical] stripe is late", "What: late", severity="critical").delivered
    address, body = requests_sent[0]
    assert address.startswith("https://hooks.slack.com/services/T1JJ3T3L2/")
    assert "stripe is late" in json.dumps(body)
    assert "What: late" in json.dumps(body)


@pytest.mark.parametrize(
    ("severity", "expected"), [("critical", "critical"), ("warning", "warning")]
)
def test_pagerduty_gets_an_event_of_the_severity(
    requests_sent: list[tuple[str, Any]], severity: str, expected: str
) -> None:
    url = f"pagerduty://{'a' * 32}@{'b' * 20}"
    outcome = send(url, "stripe is late", "What: late", severity=severity, sleep=Pauses())
    assert outcome.delivered, outcome.message
    address, body = requests_sent[0]
    assert address == "https://events.pagerduty.com/v2/enqueue"
    assert body["event_action"] == "trigger"
    assert body["payload"]["severity"] == expected
    assert "stripe is late" in body["payload"]["summary"]
