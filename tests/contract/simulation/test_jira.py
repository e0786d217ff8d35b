"""The simulated Jira as extraction meets it: paging, traps of time and index, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestration.simulation.platform import SimulatedPlatform
from tests.contract.simulation.handmade import BASE, at, issue

FIXTURES = Path(__file__).parents[2] / "fixtures"
ORDERED = "project = BILL ORDER BY updated ASC, id ASC"


@pytest.fixture
def jira(platform: SimulatedPlatform) -> Iterator[httpx.Client]:
    ends = platform.endpoints
    base = f"{ends.jira_base_url}/rest/api/3"
    with httpx.Client(base_url=base, auth=(ends.jira_email, ends.jira_api_token)) as client:
        yield client


def pages(jira: httpx.Client, jql: str, **arguments: Any) -> Iterator[Any]:
    token = None
    while True:
        body = {"jql": jql, **arguments, **({"nextPageToken": token} if token else {})}
        answer = jira.post("/search/jql", json=body)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        token = answer.json().get("nextPageToken")
        if token is None:
            return


def keys(jira: httpx.Client, jql: str, **arguments: Any) -> list[str]:
    found = pages(jira, jql, **{"fields": ["key"], **arguments})
    return [i["key"] for page in found for i in page["issues"]]


def text_of(document: Any) -> str | None:
    """The plain text of a document, by the rule that the simulator promises."""
    if document is None:
        return None
    return "\n\n".join(
        "".join("\n" if node["type"] == "hardBreak" else node["text"] for node in part["content"])
        for part in document["content"]
    )


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_pages_give_every_issue_once_and_no_total(jira: httpx.Client, size: int) -> None:
    found = list(pages(jira, ORDERED, maxResults=size, fields=["key"]))
    assert [i["key"] for page in found for i in page["issues"]] == [
        f"BILL-{n}" for n in range(1, 8)
    ]
    assert all("total" not in page for page in found)
    assert [page["isLast"] for page in found] == [False] * (len(found) - 1) + [True]


def test_only_ids_unless_fields_are_asked_for(jira: httpx.Client) -> None:
    answer = jira.get("/search/jql", params={"jql": ORDERED}).json()
    assert answer["issues"][0] == {"id": "10001"}
    one = jira.get("/search/jql", params={"jql": "key = BILL-1", "fields": "summary,labels"})
    assert one.json()["issues"][0]["fields"] == {"summary": "Ticket 1", "labels": ["a"]}


def test_at_most_100_issues_come_with_fields(
    platform: SimulatedPlatform, jira: httpx.Client
) -> None:
    platform.load_issues(issue(n, key=f"MANY-{n}", project="MANY") for n in range(1000, 1150))
    found = list(pages(jira, "project = MANY", maxResults=5000, fields=["*all"]))
    assert [len(page["issues"]) for page in found] == [100, 50]
    assert len(next(pages(jira, "project = MANY", maxResults=5000))["issues"]) == 150


def test_an_issue_carries_its_row(jira: httpx.Client) -> None:
    fields = jira.get("/issue/BILL-2").json()["fields"]
    row = issue(2)
    assert text_of(fields["description"]) == row["description"]
    assert fields["customfield_10050"]["value"] == "support"
    assert fields["customfield_10052"] == 3
    for name, column in (("created", "created"), ("updated", "updated")):
        moment = datetime.strptime(fields[name], "%Y-%m-%dT%H:%M:%S.%f%z")
        assert moment == datetime.fromisoformat(row[column])
    assert fields["status"]["statusCategory"]["key"] == "new"
    assert [c["name"] for c in fields["components"]] == ["Invoicing"]


def test_the_labelled_tickets_come_out_as_they_went_in(
    platform: SimulatedPlatform, jira: httpx.Client
) -> None:
    lines = (FIXTURES / "tickets_labelled.jsonl").read_text().splitlines()
    tickets = [json.loads(line) for line in lines]
    texts = ("key", "summary", "description", "labels", "components", "priority", "issue_type")
    rows = [
        issue(50_000 + n, project="LAB", **{k: t[k] for k in (*texts, "status")})
        for n, t in enumerate(tickets)
    ]
    assert platform.load_issues(rows) == 100
    found = {
        i["key"]: i["fields"]
        for page in pages(jira, "project = LAB", fields=["*all"], maxResults=33)
        for i in page["issues"]
    }
    assert len(found) == 100
    for ticket in tickets:
        fields = found[ticket["key"]]
        assert fields["summary"] == ticket["summary"]
        assert text_of(fields["description"]) == ticket["description"]
        assert fields["labels"] == ticket["labels"]
        assert [c["name"] for c in fields["components"]] == ticket["components"]


def test_epoch_milliseconds_are_exact_and_bare_times_are_the_users(jira: httpx.Client) -> None:
    middle = datetime.fromisoformat(issue(4)["updated"])
    millis = int(middle.timestamp() * 1000)
    assert keys(jira, f"project = BILL AND updated >= {millis} ORDER BY updated ASC") == [
        f"BILL-{n}" for n in range(4, 8)
    ]
    assert keys(jira, f"project = BILL AND updated >= {millis + 1} ORDER BY updated, id") == [
        f"BILL-{n}" for n in range(5, 8)
    ]
    # Midnight UTC read as midnight in Los Angeles lies eight hours later: nothing is found.
    assert keys(jira, f'project = BILL AND updated >= "{middle:%Y-%m-%d %H:%M}"') == []
    zone = jira.get("/myself").json()["timeZone"]
    assert zone == "America/Los_Angeles"


def test_the_index_lags_and_can_be_reconciled(
    platform: SimulatedPlatform, jira: httpx.Client
) -> None:
    platform.load_issues([issue(900, key="LAG-1", project="LAG", updated=at(0, seconds=-30))])
    assert keys(jira, "project = LAG") == ["LAG-1"]
    platform.switch(jira_index_delay_seconds=60)
    assert keys(jira, "project = LAG") == []
    assert keys(jira, "project = LAG", reconcileIssues=[10900]) == ["LAG-1"]
    assert jira.get("/issue/LAG-1").status_code == 200
    body = {"jql": "project = LAG", "reconcileIssues": list(range(51))}
    assert jira.post("/search/jql", json=body).status_code == 400
    platform.switch(jira_index_delay_seconds=30)
    assert keys(jira, "project = LAG") == ["LAG-1"]


def test_the_newest_issue_comes_first_when_asked_so(jira: httpx.Client) -> None:
    oldest = keys(jira, "project = BILL ORDER BY created ASC, id ASC")
    assert len(oldest) > 2
    assert keys(jira, "project = BILL ORDER BY created DESC, id DESC") == oldest[::-1]


def test_lists_of_ids_and_keys(jira: httpx.Client) -> None:
    assert keys(jira, "id in (10003, 10001) ORDER BY id ASC") == ["BILL-1", "BILL-3"]
    assert keys(jira, 'key in ("BILL-2", BILL-99) ORDER BY key DESC') == ["BILL-2"]


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("", "Unbounded"),
        ("ORDER BY updated", "Unbounded"),
        ("mood = good", "Field 'mood' does not exist"),
        ("project = BILL OR id = 1", "not understood"),
        ("updated >= yesterday", "is invalid"),
        ("project = BILL ORDER BY mood", "Not able to sort"),
    ],
)
def test_queries_that_are_not_allowed(jira: httpx.Client, jql: str, message: str) -> None:
    answer = jira.post("/search/jql", json={"jql": jql, "fields": ["key"]})
    assert answer.status_code == 400
    assert message in answer.json()["errorMessages"][0]


def test_the_old_search_is_gone(jira: httpx.Client) -> None:
    assert jira.get("/search", params={"jql": ORDERED}).status_code == 410


def test_histories_come_in_bulk_and_in_pages(jira: httpx.Client) -> None:
    body: dict[str, Any] = {"issueIdsOrKeys": ["BILL-1", "10002", "BILL-3"], "maxResults": 2}
    first = jira.post("/changelog/bulkfetch", json=body).json()
    body["nextPageToken"] = first["nextPageToken"]
    second = jira.post("/changelog/bulkfetch", json=body).json()
    assert "nextPageToken" not in second
    found = [
        (log["issueId"], history["id"], history["items"][0]["toString"], history["created"])
        for page in (first, second)
        for log in page["issueChangeLogs"]
        for history in log["changeHistories"]
    ]
    start = int(datetime.fromisoformat(at(2)).timestamp() * 1000)
    assert found == [
        ("10001", "90001", "Open", start + 1000),
        ("10001", "90002", "Open", start + 2000),
        ("10002", "90003", "Open", start + 3000),
    ]
    too_many = {"issueIdsOrKeys": [str(n) for n in range(1001)]}
    assert jira.post("/changelog/bulkfetch", json=too_many).status_code == 400


def test_identity_and_permissions(platform: SimulatedPlatform, jira: httpx.Client) -> None:
    assert jira.get("/myself").json()["emailAddress"] == platform.endpoints.jira_email
    wanted = {"permissions": "BROWSE_PROJECTS,CREATE_ISSUES"}
    platform.switch(jira_missing_permissions=["CREATE_ISSUES"])
    found = jira.get("/mypermissions", params=wanted).json()["permissions"]
    assert {k: v["havePermission"] for k, v in found.items()} == {
        "BROWSE_PROJECTS": True,
        "CREATE_ISSUES": False,
    }
    assert jira.get("/mypermissions").status_code == 400


def test_a_bad_token_is_refused_and_an_expired_one_finds_nothing(
    platform: SimulatedPlatform, jira: httpx.Client
) -> None:
    bad = httpx.Client(base_url=jira.base_url, auth=("extraction@example.com", "bad"))
    assert bad.get("/search/jql", params={"jql": ORDERED}).status_code == 401
    platform.switch(jira_token_expired=True)
    assert list(pages(jira, ORDERED)) == [{"issues": [], "isLast": True}]
    assert jira.get("/myself").status_code == 401
    found = jira.get("/mypermissions", params={"permissions": "BROWSE_PROJECTS"}).json()
    assert found["permissions"]["BROWSE_PROJECTS"]["havePermission"] is False


def test_limits_say_when_to_come_back(platform: SimulatedPlatform, jira: httpx.Client) -> None:
    platform.fault("status", "jira", status=429, retry_after=7)
    answer = jira.post("/search/jql", json={"jql": ORDERED})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert jira.post("/search/jql", json={"jql": ORDERED}).status_code == 200


def test_pages_can_lose_their_evidence_or_repeat(
    platform: SimulatedPlatform, jira: httpx.Client
) -> None:
    body: dict[str, Any] = {"jql": ORDERED, "maxResults": 2}
    platform.fault("drop_pagination", "jira")
    assert set(jira.post("/search/jql", json=body).json()) == {"issues"}
    token = jira.post("/search/jql", json=body).json()["nextPageToken"]
    platform.fault("repeat_token", "jira")
    again = jira.post("/search/jql", json={**body, "nextPageToken": token}).json()
    assert again["nextPageToken"] == token
    broken = jira.post("/search/jql", json={**body, "nextPageToken": "!"})
    assert broken.status_code == 400


def test_the_platform_stands_at_the_first_boundary(platform: SimulatedPlatform) -> None:
    assert datetime.fromisoformat(platform.holdings()["now"]) == BASE
