"""Jira read side by side: everything once, in few requests, whatever the workers and the order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from orchestration.clock import iso
from orchestration.errors import TransientFailure
from orchestration.simulation.faults import FaultRule, Faults, Switches
from orchestration.simulation.jira_api import JiraApi
from orchestration.simulation.jira_store import JiraStore
from orchestration.simulation.rate_limit import RateLimiter
from orchestration.sources.governor import Governor
from orchestration.sources.http import HttpSource, RetryPolicy
from orchestration.sources.jira import JiraSource
from orchestration.sources.jira_plan import HISTORIES, IDS, ISSUES, Issues, JiraReader, bounds_of
from orchestration.sources.parallel import Problem
from orchestration.sources.wire import Answer
from tests.contract.schedules.sync_asgi import InProcess
from tests.contract.simulation.handmade import BASE, history, issue

NUMBER = 900
TIMES = {
    "even": lambda n: BASE - timedelta(days=900) + timedelta(days=n),
    "one moment": lambda n: BASE - timedelta(days=900),
    "most at the end": lambda n: BASE - timedelta(seconds=2 ** (60 * (NUMBER - n) // NUMBER // 2)),
    "most at the beginning": lambda n: (
        datetime(2015, 1, 1, tzinfo=UTC)
        + timedelta(seconds=2 ** (60 * n // NUMBER // 2) % 300_000_000, milliseconds=n // 3)
    ),
}


class Counting:
    """Counts requests by the last part of their path; searches by what they are for."""

    def __init__(self, inner: InProcess) -> None:
        self._inner = inner
        self.paths: Counter[str] = Counter()

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        part = target.partition("?")[0].rsplit("/", 1)[-1]
        if part == "jql":
            asked = json.loads(body or b"{}")
            only_ids = "ids" if asked["fields"] == ["id"] else "pages"
            part = "newest" if asked["maxResults"] == 1 else only_ids
        self.paths[part] += 1
        return self._inner.send(method, target, headers, body)

    def close(self) -> None:
        self._inner.close()


class Site:
    """The simulated server with issues of chosen creation times, in this process."""

    def __init__(self, times: str = "even") -> None:
        self.store = JiraStore()
        self.store.now = BASE
        self.faults = Faults(Switches())
        for n in range(1, NUMBER + 1):
            created = iso(TIMES[times](n))
            self.store.put_issues([issue(n, created=created, updated=created)])
            row = history(n, n)
            self.store.changelog[row["issue_id"]] = {row["id"]: row}
        limiter = RateLimiter(lambda: 0.0)
        api = JiraApi(self.store, self.faults, "a@example.com", "t", limiter, lambda *_: None)
        self.counting = Counting(InProcess(Starlette(routes=api.routes())))

    def source(self) -> JiraSource:
        http = HttpSource(
            "Jira", "http://test", headers={}, auth=("a@example.com", "t"),
            governor=Governor(1e6), wire=self.counting, retry=RetryPolicy(1),
        )  # fmt: skip
        return JiraSource("", "", "", "BILL", http=http)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.sources.jira._ISSUES_A_PAGE", 10)
    monkeypatch.setattr("orchestration.sources.jira._IDS_A_PAGE", 50)
    monkeypatch.setattr("orchestration.sources.jira_plan.ISSUES_A_HISTORY_CALL", 70)
    monkeypatch.setattr("orchestration.sources.jira_plan.IDS_A_STRETCH", 45)


def read(
    reader: JiraReader, since: datetime | None = None, bounds: Sequence[int] = ()
) -> tuple[list[str], list[str]]:
    issues, items = [], []
    for part in reader.changed(since, whole=True, histories=True, bounds=bounds):
        assert not isinstance(part, Problem), part
        if isinstance(part, Issues):
            issues += [i["id"] for i in part.bodies]
        else:
            items += [i["issue_id"] for i in part.bodies]
    return issues, items


@pytest.mark.parametrize("workers", [1, 6])
@pytest.mark.parametrize("times", TIMES)
def test_every_issue_and_history_comes_once(times: str, workers: int) -> None:
    site = Site(times)
    reader = JiraReader(site.source(), workers)
    issues, items = read(reader)
    everyone = sorted(site.store.issues)
    assert sorted(issues) == everyone
    assert sorted(items) == everyone
    assert reader.asked == set(everyone)
    assert site.counting.paths["bulkfetch"] <= NUMBER // 70 + 1
    # Creation times that crowd make guesses of where to cut worse, not the result.
    assert site.counting.paths["pages"] <= (1.35 if times == "even" else 2.0) * NUMBER / 10
    if workers == 1:
        assert site.counting.paths["pages"] == NUMBER / 10
    assert site.counting.paths["newest"] == (workers > 1)
    # What every issue shares cannot be cut.
    stretches = 1 if times == "one moment" else NUMBER / 45
    assert sorted(reader.ids) == everyone
    assert stretches <= site.counting.paths["ids"] <= 1.5 * NUMBER / 45


def test_an_increment_reads_what_was_updated_whenever_it_was_created() -> None:
    site = Site()
    for n in (3, 400, 900):
        site.store.touch(str(10000 + n))
    issues, _ = read(JiraReader(site.source(), 6), BASE - timedelta(minutes=1))
    assert sorted(issues) == ["10003", "10400", "10900"]


def test_an_issue_that_is_touched_while_others_are_read_keeps_its_place() -> None:
    site = Site()
    site.faults.switches = Switches(jira_pages_by_offset=True)
    rule = FaultRule(kind="move_row", service="jira", path="/rest/api/3/search", count=40)
    site.faults.rules.append(rule)
    issues, _ = read(JiraReader(site.source(), 6))
    assert set(issues) == set(site.store.issues)


@pytest.mark.parametrize("workers", [1, 6])
def test_an_empty_page_that_names_the_next_one_ends_nothing(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = JiraApi._search

    def empty_first(api: JiraApi, request: Any, arguments: Any, is_anonymous: bool) -> Any:
        """Before the first page of every search comes an empty one."""
        if arguments.get("nextPageToken") is None:
            return {"issues": [], "nextPageToken": "W10", "isLast": False}
        begun = {k: v for k, v in arguments.items() if v != "W10"}
        return search(api, request, begun, is_anonymous)

    monkeypatch.setattr(JiraApi, "_search", empty_first)
    site = Site()
    reader = JiraReader(site.source(), workers)
    issues, items = read(reader)
    assert sorted(issues) == sorted(items) == sorted(reader.ids) == sorted(site.store.issues)


def test_the_first_cut_occupies_every_worker() -> None:
    site = Site()
    reader = JiraReader(site.source(), 6)
    reader._newest = 600_000
    reader._crew._open = 1
    cuts = reader._cuts(0, 1_000, None)
    assert len(cuts) == 5 and list(cuts) == sorted(set(cuts))
    assert cuts[0] > 1_000 and cuts[-1] < 600_000
    # Later ones make two of one, and nothing is cut that is not worth a page of its own.
    assert len(reader._cuts(0, 1_000, 500_000)) == 1
    assert not reader._cuts(0, 1_000, 3_000)
    reader._crew._open = 6
    assert not reader._cuts(0, 1_000, 500_000)


def test_an_increment_lists_all_ids_between_the_bounds_it_is_given() -> None:
    site = Site()
    bounds = [int(TIMES["even"](n).timestamp() * 1000) for n in range(45, NUMBER, 45)]
    for given, most in ((bounds, len(bounds) + 1), ((), NUMBER / 50)):
        reader = JiraReader(site.source(), 6)
        site.counting.paths.clear()
        assert read(reader, BASE + timedelta(days=1), given) == ([], [])
        assert sorted(reader.ids) == sorted(site.store.issues)
        assert site.counting.paths["ids"] == most


def test_bounds_stand_where_pages_ended() -> None:
    pages = [(10 * n, 20) for n in range(1, 8)]
    assert bounds_of(pages[::-1]) == [30, 50, 70]
    assert bounds_of([(5, 20)] * 7) == [5]
    assert bounds_of([]) == []


def test_what_goes_wrong_names_its_part() -> None:
    def owners(path: str, kind: str, **options: Any) -> set[str]:
        site = Site()
        site.faults.rules.append(
            FaultRule.model_validate({"kind": kind, "service": "jira", "path": path, **options})
        )
        found = JiraReader(site.source(), 3).changed(None, whole=True, histories=True)
        return {p.owner for p in found if isinstance(p, Problem)}

    assert owners("/rest/api/3/search", "repeat_token", count=99) == {ISSUES}
    assert owners("/rest/api/3/changelog", "status", status=400) == {HISTORIES}
    site = Site()
    site.faults.rules.append(
        FaultRule(kind="drop_pagination", service="jira", path="/rest/api/3/search", count=99)
    )
    found = JiraReader(site.source(), 3).changed(None, whole=True, histories=True)
    (problem,) = [p for p in found if isinstance(p, Problem)]
    assert isinstance(problem.error, TransientFailure)
    assert "without nextPageToken" in str(problem.error)


def test_a_list_of_ids_that_breaks_off_is_told_apart() -> None:
    site = Site()
    reader = JiraReader(site.source(), 1)
    rule = FaultRule(kind="drop_pagination", service="jira", path="/rest/api/3/search", count=1)
    found = reader.changed(BASE + timedelta(days=1), whole=True, histories=True)
    owners = []
    with pytest.MonkeyPatch.context() as patch:
        listed = reader._list
        patch.setattr(reader, "_list", lambda p: (site.faults.rules.append(rule), listed(p)))
        owners = [p.owner for p in found if isinstance(p, Problem)]
    assert owners == [IDS]


def test_nothing_is_split_while_requests_wait_for_the_pace() -> None:
    site = Site()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JiraSource, "is_limited", property(lambda _: True))
        issues, _ = read(JiraReader(site.source(), 6))
    assert len(issues) == NUMBER and site.counting.paths["pages"] == NUMBER / 10
