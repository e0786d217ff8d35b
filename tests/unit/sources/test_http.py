"""Limits and retries, on a clock of the test's own; no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
import urllib3

from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.sources.governor import HEADROOM, Governor
from orchestration.sources.http import HttpSource, RetryPolicy, json_object
from orchestration.sources.jira import JiraSource
from orchestration.sources.stripe import StripeSource
from orchestration.sources.wire import Answer, Unanswered, Wire


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


class Script:
    """A `Wire` that gives these answers in this order; `seen` is what was sent."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers: Iterator[Answer | Exception] = iter(answers)
        self.seen: list[tuple[str, str, Mapping[str, str], bytes | None]] = []

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        self.seen.append((method, target, headers, body))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        pass


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, orjson.dumps(body or {}), urllib3.HTTPHeaderDict(named))


def http(wire: Wire, time: Time, governor: Governor | None = None) -> HttpSource:
    return HttpSource(
        "Stripe",
        "http://stripe.test/base",
        headers={"Stripe-Version": "v"},
        auth=("a@example.com", "token"),
        governor=governor or Governor(1000, monotonic=time.monotonic, sleep=time.sleep),
        retry=RetryPolicy(attempts=4),
        wire=wire,
        sleep=time.sleep,
    )


def test_the_pace_is_kept_evenly() -> None:
    time = Time()
    governor = Governor(10, monotonic=time.monotonic, sleep=time.sleep)
    for _ in range(25):
        governor.take()
    assert time.now == pytest.approx(24 / (10 * HEADROOM))


class WindowedServer:
    """Lets so many requests through in each whole second, in all and by endpoint."""

    def __init__(self, time: Time, overall: int, each: int) -> None:
        self.time, self.overall, self.each = time, overall, each
        self.seen: Counter[tuple[int, str]] = Counter()
        self.refusals: list[float] = []

    def ask(self, governor: Governor, endpoint: str) -> bool:
        governor.take(endpoint)
        second = int(self.time.now)
        for scope, limit, reason in (
            ("", self.overall, "global-rate"),
            (endpoint, self.each, "endpoint-rate"),
        ):
            if self.seen[second, scope] >= limit:
                self.refusals.append(self.time.now)
                governor.refused(endpoint, reason)
                return False
        self.seen[second, ""] += 1
        self.seen[second, endpoint] += 1
        governor.answered(endpoint)
        return True


@pytest.mark.parametrize("limit", [3, 10, 25])
def test_the_limit_of_the_server_is_found_and_kept(limit: int) -> None:
    time = Time()
    governor = Governor(100, 60, monotonic=time.monotonic, sleep=time.sleep)
    server = WindowedServer(time, 1000, limit)
    while time.now < 60:
        server.ask(governor, "invoices")
    later = [at for at in server.refusals if at > 20]
    let_through = sum(n for (second, scope), n in server.seen.items() if scope and second >= 20)
    assert let_through >= 0.85 * limit * 40
    assert len(later) <= 0.05 * let_through


@pytest.mark.parametrize(("let_through", "kept"), [(24, 0.97), (10, 0.9)])
def test_a_refusal_costs_as_much_as_the_pace_was_off(let_through: int, kept: float) -> None:
    time = Time()
    governor = Governor(25, monotonic=time.monotonic, sleep=time.sleep)
    before = governor.rate()
    for _ in range(let_through):
        governor.answered()
    governor.refused()
    assert kept <= governor.rate() / before if kept > 0.9 else governor.rate() <= kept * before


def test_who_waits_for_the_pace_is_seen() -> None:
    time = Time()
    governor = Governor(1e6, 10, monotonic=time.monotonic, sleep=lambda _: None)
    governor.take("invoices")
    assert not governor.is_binding("invoices")
    governor.take("invoices")
    assert governor.is_binding("invoices")
    time.now += 1
    assert not governor.is_binding("invoices")


def test_a_slow_endpoint_does_not_slow_the_others() -> None:
    time = Time()
    governor = Governor(100, 25, monotonic=time.monotonic, sleep=time.sleep)
    governor.refused("invoices", "endpoint-rate")
    assert governor.rate("invoices") < governor.rate("customers")
    assert governor.rate() == pytest.approx(100 * HEADROOM)
    governor.refused("invoices", "global-rate")
    assert governor.rate() < 100 * HEADROOM
    assert governor.rate("customers") == pytest.approx(25 * HEADROOM)


def test_a_lock_that_timed_out_is_no_sign_of_speed() -> None:
    script = Script(answer(429, Stripe_Rate_Limited_Reason="lock_timeout"), answer(200))
    time = Time()
    governor = Governor(10, monotonic=time.monotonic, sleep=time.sleep)
    http(script, time, governor=governor).get("/v1/customers")
    assert governor.rate() == pytest.approx(10 * HEADROOM)


def test_retry_after_is_honoured_and_pauses_everybody() -> None:
    time = Time()
    limited = answer(429, Retry_After="7", Stripe_Rate_Limited_Reason="x")
    script = Script(limited, answer(200))
    assert http(script, time).get("/v1/events").status == 200
    assert len(script.seen) == 2
    assert time.now >= 7


@pytest.mark.parametrize("first", [answer(503), Unanswered("connection lost")])
def test_a_lost_or_failed_answer_is_asked_for_again(first: Answer | Exception) -> None:
    script = Script(first, answer(200, {"ok": True}))
    assert json_object(http(script, Time()).get("/x"), "Stripe", "/x") == {"ok": True}
    assert len(script.seen) == 2


def test_a_request_is_sent_as_the_api_expects_it() -> None:
    script = Script(answer(200), answer(200))
    source = http(script, Time())
    source.get("/v1/x", {"limit": 100, "created[gte]": "5", "name": "a b", "expand[]": ["p", "q"]})
    source.post("/y", {"jql": "a = 1"})
    login = {"Authorization": "Basic YUBleGFtcGxlLmNvbTp0b2tlbg==", "Stripe-Version": "v"}
    target = "/base/v1/x?limit=100&created%5Bgte%5D=5&name=a+b&expand%5B%5D=p&expand%5B%5D=q"
    assert script.seen == [
        ("GET", target, login, None),
        ("POST", "/base/y", {**login, "Content-Type": "application/json"}, b'{"jql":"a = 1"}'),
    ]


@pytest.mark.parametrize(
    ("address", "key"),
    [("http://[::1", "k"), ("stripe.test", "k"), ("http://a", "k\n"), ("http://a", "k\u00e4")],
)
def test_an_address_or_key_with_stray_characters_is_refused(address: str, key: str) -> None:
    with pytest.raises(PermanentFailure, match="stray characters") as failure:
        HttpSource("Stripe", address, headers={"Authorization": key}, governor=Governor(1))
    assert key not in str(failure.value) or key == "k"


def test_giving_up_says_what_was_tried() -> None:
    script = Script(*[answer(500)] * 4)
    with pytest.raises(TransientFailure, match=r"HTTP 500.*GET /x, 4 times"):
        http(script, Time()).get("/x")
    assert len(script.seen) == 4


def test_a_spent_quota_is_not_hammered() -> None:
    script = Script(answer(429, X_RateLimit_Reason="quota-based"))
    with pytest.raises(TransientFailure, match="quota"):
        http(script, Time()).get("/x")
    assert len(script.seen) == 1


def test_a_refusal_is_not_tried_again() -> None:
    script = Script(answer(401, {"error": {"message": "Expired API Key"}}))
    source = StripeSource("k", "", requests_per_second=1, http=http(script, Time()))
    with pytest.raises(PermanentFailure, match=r"Expired API Key.*PAYGO_STRIPE_API_KEY"):
        source.probe()
    assert len(script.seen) == 1


def stripe_source(*bodies: dict[str, Any], **headers: str) -> StripeSource:
    script = Script(*(answer(200, b, **headers) for b in bodies))
    return StripeSource("k", "", requests_per_second=1, http=http(script, Time()))


def test_a_page_without_has_more_is_no_last_page() -> None:
    source = stripe_source({"data": [{"id": "a"}]})
    with pytest.raises(TransientFailure, match="without 'data' or 'has_more'"):
        list(source.pages("/v1/customers", {}))


def test_pages_are_followed_to_the_end() -> None:
    source = stripe_source(
        {"data": [{"id": "a"}], "has_more": True}, {"data": [{"id": "b"}], "has_more": False}
    )
    assert [o["id"] for page in source.pages("/v1/customers", {}) for o in page] == ["a", "b"]


def test_a_repeated_page_is_an_error() -> None:
    page = {"data": [{"id": "a"}], "has_more": True}
    with pytest.raises(TransientFailure, match="repeats its page after a"):
        list(stripe_source(page, page).pages("/v1/customers", {}))


def test_children_are_paged_to_the_end() -> None:
    source = stripe_source({"data": [{"id": "2"}], "has_more": False})
    parent = {"id": "in_1", "lines": {"data": [{"id": "1"}], "has_more": True}}
    found = source.children(parent, "lines", "/v1/invoices/in_1/lines", {})
    assert [c["id"] for c in found] == ["1", "2"]


def test_another_api_version_is_refused() -> None:
    source = stripe_source({"data": [], "has_more": False}, Stripe_Version="2024-06-20")
    with pytest.raises(PermanentFailure, match="version 2024-06-20"):
        source.probe()


def test_an_answer_that_is_cut_is_no_json() -> None:
    script = Script(Answer(200, b'{"data": ['))
    source = StripeSource("k", "", requests_per_second=1, http=http(script, Time()))
    with pytest.raises(TransientFailure, match="not JSON"):
        source.probe()


def jira_source(*bodies: dict[str, Any]) -> JiraSource:
    script = Script(*(answer(200, b) for b in bodies))
    return JiraSource("", "", "", "BILL", http=http(script, Time()))


def test_a_jira_page_must_say_that_it_is_the_last() -> None:
    with pytest.raises(TransientFailure, match="without nextPageToken and isLast"):
        list(jira_source({"issues": [{"id": "1"}]}).pages(("id",)))
    with pytest.raises(TransientFailure, match="without issues"):
        list(jira_source({"isLast": True}).pages(("id",)))


def test_a_repeated_jira_token_is_an_error() -> None:
    page = {"issues": [{"id": "1"}], "nextPageToken": "t", "isLast": False}
    with pytest.raises(TransientFailure, match="repeats its page token"):
        list(jira_source(page, page).pages(("id",)))
