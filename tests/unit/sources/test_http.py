"""Limits and retries, on a clock of the test's own; no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.sources.http import HttpSource, RetryPolicy, TokenBucket
from orchestration.sources.jira import JiraSource
from orchestration.sources.stripe import StripeSource

Handler = Callable[[httpx.Request], httpx.Response]


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


def http(handler: Handler, time: Time, rate: float = 1000.0) -> HttpSource:
    return HttpSource(
        "Stripe",
        "http://stripe.test",
        headers={},
        bucket=TokenBucket(rate, 10, monotonic=time.monotonic, sleep=time.sleep),
        retry=RetryPolicy(attempts=4),
        transport=httpx.MockTransport(handler),
        sleep=time.sleep,
    )


def answers(*responses: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    seen: list[httpx.Request] = []
    waiting: Iterator[httpx.Response | Exception] = iter(responses)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = next(waiting)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle, seen


def test_the_bucket_keeps_the_rate() -> None:
    time = Time()
    bucket = TokenBucket(10, burst=5, monotonic=time.monotonic, sleep=time.sleep)
    for _ in range(25):
        bucket.take()
    assert time.now == pytest.approx(2.0)


def test_retry_after_is_honoured_and_pauses_everybody() -> None:
    time = Time()
    limited = httpx.Response(429, headers={"Retry-After": "7", "Stripe-Rate-Limited-Reason": "x"})
    handle, seen = answers(limited, httpx.Response(200, json={}))
    source = http(handle, time)
    assert source.get("/v1/events").status_code == 200
    assert len(seen) == 2
    assert time.now >= 7


@pytest.mark.parametrize("first", [httpx.Response(503), httpx.ReadError("connection lost")])
def test_a_lost_or_failed_answer_is_asked_for_again(first: httpx.Response | Exception) -> None:
    handle, seen = answers(first, httpx.Response(200, json={"ok": True}))
    assert http(handle, Time()).get("/x").json() == {"ok": True}
    assert len(seen) == 2


def test_giving_up_says_what_was_tried() -> None:
    handle, seen = answers(*[httpx.Response(500)] * 4)
    with pytest.raises(TransientFailure, match=r"HTTP 500.*GET /x, 4 times"):
        http(handle, Time()).get("/x")
    assert len(seen) == 4


def test_a_spent_quota_is_not_hammered() -> None:
    handle, seen = answers(httpx.Response(429, headers={"X-RateLimit-Reason": "quota-based"}))
    with pytest.raises(TransientFailure, match="quota"):
        http(handle, Time()).get("/x")
    assert len(seen) == 1


def test_a_refusal_is_not_tried_again() -> None:
    handle, seen = answers(httpx.Response(401, json={"error": {"message": "Expired API Key"}}))
    source = StripeSource("k", "", requests_per_second=1, http=http(handle, Time()))
    with pytest.raises(PermanentFailure, match=r"Expired API Key.*PAYGO_STRIPE_API_KEY"):
        source.probe()
    assert len(seen) == 1


def stripe_source(*bodies: dict[str, Any], headers: dict[str, str] | None = None) -> StripeSource:
    handle, _ = answers(*(httpx.Response(200, json=b, headers=headers) for b in bodies))
    return StripeSource("k", "", requests_per_second=1, http=http(handle, Time()))


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
    source = stripe_source(
        {"data": [], "has_more": False}, headers={"Stripe-Version": "2024-06-20"}
    )
    with pytest.raises(PermanentFailure, match="version 2024-06-20"):
        source.probe()


def test_an_answer_that_is_cut_is_no_json() -> None:
    handle, _ = answers(httpx.Response(200, content=b'{"data": ['))
    source = StripeSource("k", "", requests_per_second=1, http=http(handle, Time()))
    with pytest.raises(TransientFailure, match="not JSON"):
        source.probe()


def jira_source(*bodies: dict[str, Any]) -> JiraSource:
    handle, _ = answers(*(httpx.Response(200, json=b) for b in bodies))
    return JiraSource("", "", "", "BILL", http=http(handle, Time()))


def test_a_jira_page_must_say_that_it_is_the_last() -> None:
    with pytest.raises(TransientFailure, match="without nextPageToken and isLast"):
        jira_source({"issues": [{"id": "1"}]}).ids()
    with pytest.raises(TransientFailure, match="without issues"):
        jira_source({"isLast": True}).ids()


def test_a_repeated_jira_token_is_an_error() -> None:
    page = {"issues": [{"id": "1"}], "nextPageToken": "t", "isLast": False}
    with pytest.raises(TransientFailure, match="repeats its page token"):
        jira_source(page, page).ids()
