"""The parts of the simulated servers that need no server: queries, limits, documents, stores."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.errors import ContractViolation, PermanentFailure
from orchestration.simulation.adf import document
from orchestration.simulation.changes import World
from orchestration.simulation.faults import FaultRule, Faults, Switches
from orchestration.simulation.http_answers import ApiError
from orchestration.simulation.jira_store import JiraStore
from orchestration.simulation.jql import JqlError, parse
from orchestration.simulation.rate_limit import RateLimiter
from orchestration.simulation.stripe_query import Query
from orchestration.simulation.stripe_store import StripeStore

BOUNDARY = datetime(2026, 2, 22, tzinfo=UTC)


def flatten(value: Any) -> str:
    parts = [
        "".join("\n" if node["type"] == "hardBreak" else node["text"] for node in part["content"])
        for part in value["content"]
    ]
    return "\n\n".join(parts)


@given(st.text(alphabet=st.sampled_from("a \"'\n\t\\é請✓")))
def test_any_text_is_recovered_from_its_document(text: str) -> None:
    made = document(text)
    assert made is not None
    assert flatten(made) == text
    nodes = [node for part in made["content"] for node in part["content"]]
    assert all(node["text"] for node in nodes if node["type"] == "text")  # ADF forbids empty ones


def test_no_text_is_no_document() -> None:
    assert document(None) is None


def test_limits_hold_for_each_second() -> None:
    seconds = 10.0
    limiter = RateLimiter(lambda: seconds)
    refused = [limiter.refuse("invoices", 3, 2) for _ in range(3)]
    assert refused == [None, None, "endpoint-rate"]
    assert [limiter.refuse("customers", 3, 2) for _ in range(2)] == [None, "global-rate"]
    seconds = 10.99
    assert limiter.refuse("events", 3, 2) == "global-rate"
    seconds = 11.0
    assert limiter.refuse("events", 3, 2) is None
    assert [limiter.refuse("events", None, None) for _ in range(9)] == [None] * 9


def test_a_request_without_an_endpoint_counts_once() -> None:
    limiter = RateLimiter(lambda: 10.0)
    refused = [limiter.refuse("", 4, None) for _ in range(5)]
    assert refused == [None, None, None, None, "global-rate"]


def test_a_rule_hits_its_requests_and_no_others() -> None:
    faults = Faults(Switches())
    faults.rules.append(FaultRule(kind="status", service="stripe", path="/v1/events", count=2))
    assert faults.take("jira", "/v1/events") is None
    assert faults.take("stripe", "/v1/invoices") is None
    hits = [faults.take("stripe", "/v1/events") is not None for _ in range(3)]
    assert hits == [True, True, False]


def test_nested_parameters_of_the_stripe_client() -> None:
    query = Query.parse(
        "limit=5&types[0]=a&types[1]=b&created[gte]=3&created[lt]=9&expand[]=data.x"
    )
    assert query.limit() == 5
    assert query.lists["types"] == ["a", "b"]
    assert query.created() == (3, 9)
    assert query.expand({"x"}) == {"x"}
    assert Query.parse("created=7").created() == (7, 8)
    assert Query.parse("created[gt]=3&created[lte]=9").created() == (4, 10)
    with pytest.raises(ApiError):
        query.expand({"y"})


ISSUE = {"id": "7", "key": "BILL-70", "project": "BILL"}


def issue(updated: str) -> dict[str, Any]:
    return {**ISSUE, "updated": updated, "created": updated}


@pytest.mark.parametrize(
    ("jql", "zone", "matches"),
    [
        ('updated >= "2026-03-08 03:00"', "UTC", True),
        ('updated >= "2026-03-08 03:01"', "UTC", False),
        ('updated >= "2026-03-08 00:00"', "America/Sao_Paulo", True),
        ('updated > "2026-03-08 00:00"', "America/Sao_Paulo", False),
        ('updated <= "2026-03-08 11:00"', "Asia/Shanghai", True),
        ("updated >= 1772938800000", "Asia/Shanghai", True),
        ("updated >= 1772938800001", "Asia/Shanghai", False),
        ("project in (X, BILL) AND id = 7 and key = BILL-70", "UTC", True),
        ("project = X", "UTC", False),
    ],
)
def test_times_of_a_query_depend_on_the_user(jql: str, zone: str, matches: bool) -> None:
    assert parse(jql, zone).matches(issue("2026-03-08T03:00:00Z")) is matches


@pytest.mark.parametrize("jql", ["", " order by id", "id in 7", "project > X", "a = b OR c = d"])
def test_queries_beyond_the_subset_are_refused(jql: str) -> None:
    with pytest.raises(JqlError):
        parse(jql, "UTC")


def test_ties_are_broken_by_id() -> None:
    jql = parse("project = BILL ORDER BY updated DESC", "UTC")
    same = [{**issue("2026-03-08T03:00:00Z"), "id": str(n)} for n in (11, 9, 10)]
    assert [row["id"] for row in sorted(same, key=jql.sort_key)] == ["9", "10", "11"]


def world(path: Path, files: dict[str, str]) -> World:
    folder = path / "changes" / "000-20260222T000000Z"
    folder.mkdir(parents=True)
    (path / "world.json").write_text("{}")
    for name, text in files.items():
        (folder / f"{name}.jsonl").write_text(text)
    return World.open(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("stripe.invoices", '{"op":"upsert","row":{"id":"in_1"}}', "line 1: stripe.invoices lacks"),
        ("stripe.customers", '{"op":"upsert"}\n', "line 1: neither an upsert"),
        ("stripe.events", '{"op":"delete","key":"evt_1"}\n{"op"', "line 2: no JSON"),
        ("jira.issues", '{"op":"upsert","row":{"key":"B-1"}}', "line 1: issue 'B-1' lacks"),
        ("jira.changelog_items", '{"op":"delete","key":"1"}', "line 1: expected a row"),
    ],
)
def test_a_bad_change_is_named_by_file_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    folder = world(tmp_path, {name: text}).folders[0]
    store = StripeStore() if name.startswith("stripe") else JiraStore()
    with pytest.raises(ContractViolation, match=f"{name}.jsonl, {message}"):
        store.apply(folder)


@pytest.mark.parametrize("bad", ["001-20260222T000000Z", "000-2026"])
def test_a_gap_or_a_strange_name_among_the_folders_is_refused(tmp_path: Path, bad: str) -> None:
    (tmp_path / "changes" / bad).mkdir(parents=True)
    (tmp_path / "world.json").write_text("{}")
    with pytest.raises(PermanentFailure, match=bad):
        World.open(tmp_path)


def test_folders_must_go_forward(tmp_path: Path) -> None:
    for name in ("000-20260223T000000Z", "001-20260223T000000Z"):
        (tmp_path / "changes" / name).mkdir(parents=True)
    (tmp_path / "world.json").write_text("{}")
    with pytest.raises(PermanentFailure, match="not later"):
        World.open(tmp_path)


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    first = world(tmp_path, {"core.zones": "1"})
    assert World.open(tmp_path).fingerprint == first.fingerprint
    file = first.folders[0].file("core", "zones")
    os.utime(file, ns=(1, 1))
    assert World.open(tmp_path).fingerprint != first.fingerprint
    assert first.folders_until(BOUNDARY) == first.folders
    assert first.folders_until(BOUNDARY.replace(year=2025)) == ()
