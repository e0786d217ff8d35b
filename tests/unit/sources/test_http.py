"""Limits and retries, on a clock of the test's own; no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
import urllib3

from orchestration.errors import ContractViolation, PermanentFailure, TransientFailure
from orchestration.sources.contract import table
from orchestration.sources.governor import HEADROOM, Governor
from orchestration.sources.http import HttpSource, RetryPolicy, json_object
from orchestration.sources.jira import COLUMNS_OF_FIELDS, FIELDS, JiraSource
from orchestration.sources.parallel import Problem
from orchestration.sources.stripe import StripeSource
from orchestration.sources.stripe_kinds import KINDS, builders
from orchestration.sources.stripe_plan import StripeReader, read_changes
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


LOCKED = {"error": {"code": "lock_timeout", "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    "refusal",
    [answer(429, LOCKED), answer(429, LOCKED, Stripe_Rate_Limited_Reason="lock_timeout")],
)
def test_a_lock_that_timed_out_is_no_sign_of_speed(refusal: Answer) -> None:
    script = Script(refusal, answer(200))
    time = Time()
    governor = Governor(10, monotonic=time.monotonic, sleep=time.sleep)
    http(script, time, governor=governor).get("/v1/customers")
    assert governor.rate() == pytest.approx(10 * HEADROOM)
    assert len(script.seen) == 2


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": "slow down"}', b'{"error": {"code": "rate_limit"}}']
)
def test_any_other_refusal_for_speed_lowers_the_pace(body: bytes) -> None:
    time = Time()
    governor = Governor(10, monotonic=time.monotonic, sleep=time.sleep)
    script = Script(Answer(429, body), answer(200))
    http(script, time, governor=governor).get("/v1/customers")
    assert governor.rate() < 10 * HEADROOM


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


def test_a_repeated_page_of_children_is_an_error() -> None:
    page = {"data": [{"id": "1"}], "has_more": True}
    parent = {"id": "in_1", "lines": page}
    with pytest.raises(TransientFailure, match="repeats its page after 1"):
        stripe_source(page, page).children(parent, "lines", "/v1/invoices/in_1/lines", {})


def test_a_repeated_page_of_a_slice_is_an_error() -> None:
    page = {"data": [{"id": "a", "created": 1_700_000_000}], "has_more": True}
    source = stripe_source(*[page] * 9)
    reader = StripeReader(source, builders(b"key"), 1)
    kind = next(k for k in KINDS if k.name == "customers")
    found = list(reader.read([(kind, [(0, 2_000_000_000)])], [], [], set()))
    (problem,) = [f for f in found if isinstance(f, Problem)]
    assert "repeats its page after a" in str(problem.error)


@pytest.mark.parametrize("body", [{"name": "x"}, {"id": 7}, "text"])
def test_an_object_without_an_id_is_no_object(body: Any) -> None:
    source = stripe_source({"data": [body], "has_more": False})
    with pytest.raises(ContractViolation, match="/v1/customers has an object without an id"):
        source.page("/v1/customers", {})


EVENT = {
    "id": "evt_1",
    "type": "invoice.updated",
    "created": 5,
    "data": {"object": {"id": "in_1", "object": "invoice"}},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": None}, "no 'type' in row evt_1"),
        ({"created": None}, "'created_at' is not a time but NoneType in row evt_1"),
        ({"created": "5"}, "'created_at' is not a time but str in row evt_1"),
        ({"data": None}, "no 'data.object' in row evt_1"),
    ],
)
def test_an_event_that_does_not_say_what_it_is_is_refused(
    change: dict[str, Any], said: str
) -> None:
    page = {"data": [{**EVENT, **change}], "has_more": False}
    with pytest.raises(ContractViolation, match=rf"stripe.events: .*{said}"):
        read_changes(stripe_source(page), 0)


def test_a_preview_without_an_id_names_nothing_to_read() -> None:
    upcoming = {**EVENT, "type": "invoice.upcoming", "data": {"object": {"object": "invoice"}}}
    changes = read_changes(stripe_source({"data": [upcoming, EVENT], "has_more": False}), 0)
    assert changes.touched == {"invoice": {"in_1"}}
    assert (changes.newest, len(changes.events)) == (5, 2)


MISSING = {"error": {"code": "resource_missing", "message": "No such invoice: 'in_1'"}}


@pytest.mark.parametrize("body", [b"<html>Not found</html>", b"{}", b'{"error": "none"}'])
def test_only_stripe_says_that_an_object_is_gone(body: bytes) -> None:
    def source(content: bytes) -> StripeSource:
        script = Script(Answer(404, content))
        return StripeSource("k", "", requests_per_second=1, http=http(script, Time()))

    assert source(orjson.dumps(MISSING)).retrieve("/v1/invoices/in_1") is None
    with pytest.raises(PermanentFailure, match="refused GET /v1/invoices/in_1 with 404"):
        source(body).retrieve("/v1/invoices/in_1")


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


def test_jira_is_asked_for_the_fields_of_the_contract_and_no_person() -> None:
    assert set(FIELDS) == {
        "project", "issuetype", "status", "priority", "summary", "description", "labels",
        "components", "created", "updated", "resolutiondate", "customfield_10050",
        "customfield_10051", "customfield_10052",
    }  # fmt: skip
    paths = {c.name: c.path or "" for c in table("jira.issues").columns}
    read = {n: p.split(".")[1] for n, p in paths.items() if p.startswith("fields.")}
    assert {n: f for f, names in COLUMNS_OF_FIELDS.items() for n in names} == read
    assert set(paths) - set(read) == {"issue_id", "issue_key", "payload"}


@pytest.mark.parametrize("found", [{"key": "BILL-1"}, {"id": 1}, "BILL-1", None])
def test_an_issue_without_an_id_is_refused_by_name(found: Any) -> None:
    page = {"issues": [{"id": "1"}, found], "isLast": True}
    with pytest.raises(ContractViolation, match="column 'issue_id' has no value"):
        list(jira_source(page).pages(("id",)))


def test_a_list_of_fields_that_is_none_is_an_error() -> None:
    # Each request of the probe gets the same answer: they are sent side by side.
    grant = {"permissions": {"BROWSE_PROJECTS": {"havePermission": True}}, "accountId": "a"}
    with pytest.raises(TransientFailure, match="no JSON list"):
        jira_source(grant, grant, grant).probe()


def test_a_repeated_jira_token_is_an_error() -> None:
    page = {"issues": [{"id": "1"}], "nextPageToken": "t", "isLast": False}
    with pytest.raises(TransientFailure, match="repeats its page token"):
        list(jira_source(page, page).pages(("id",)))
