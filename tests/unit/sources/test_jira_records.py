"""Histories and issues of Jira become rows without the names of people, or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.errors import ContractViolation
from orchestration.sources.jira_records import history_builder, items_of
from orchestration.sources.redact import hasher

JANE = "5b10a2844c20165700ede21f"
JOHN = "557058:b2e19a89-93eb-479c-a287-d6943fe6b823"
CREATED = 1_767_225_600_000

KEYED = hasher(b"key")


def log(*items: dict[str, Any], created: Any = CREATED) -> dict[str, Any]:
    history = {"id": "90001", "author": {"accountId": JANE}, "created": created, "items": [*items]}
    return {"issueId": "10001", "changeHistories": [history]}


def landed(item: dict[str, Any]) -> tuple[Any, Any]:
    (row,) = history_builder(b"key").build(list(items_of(log(item)))).data.to_pylist()
    assert "Doe" not in str(row)
    assert row["author_id"] == KEYED(JANE)
    return row["from_value"], row["to_value"]


@pytest.mark.parametrize(
    "field",
    [
        {"field": "assignee", "fieldtype": "jira", "fieldId": "assignee"},
        {"field": "Reporter", "fieldtype": "jira"},
        {"field": "Account owner", "fieldtype": "custom", "fieldId": "customfield_10071"},
    ],
)
def test_people_of_a_change_are_hashed_as_authors_are(field: dict[str, Any]) -> None:
    item = {**field, "from": None, "fromString": None, "to": JANE, "toString": "Jane Doe"}
    assert landed(item) == (None, KEYED(JANE))
    item = {**field, "from": JANE, "fromString": "Jane Doe", "to": JOHN, "toString": "John Doe"}
    assert landed(item) == (KEYED(JANE), KEYED(JOHN))


@pytest.mark.parametrize("ids", [f"[{JANE}, {JOHN}]", f"{JANE}, {JOHN}", f"qm:{JOHN[7:]}:{JANE}"])
def test_pickers_of_several_people_land_no_name(ids: str) -> None:
    item = {
        "field": "Participants",
        "from": ids,
        "fromString": "Jane Doe",
        "to": "",
        "toString": "",
    }
    assert landed(item) == (KEYED(ids), None)


def test_a_field_that_tells_accounts_apart_lands_no_name() -> None:
    item = {"field": "Owner", "fromString": "Jane Doe", "toString": None, "tmpFromAccountId": None}
    assert landed(item) == (KEYED("Jane Doe"), None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"from": "1", "fromString": "New"}, {"to": "10002", "toString": "In progress"}),
        ({"from": "BILL-1", "fromString": "BILL-1"}, {"to": None, "toString": None}),
        ({"from": None, "fromString": "12"}, {"to": None, "toString": "a text of some words"}),
    ],
)
def test_values_that_are_no_people_land_as_they_are(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = landed({"field": "status", **before, **after})
    assert found == (before["fromString"], after["toString"])


def test_people_that_an_older_text_mentions_are_taken_out() -> None:
    texts = {"fromString": f"ask [~accountid:{JANE}].", "toString": "see [~jdoe] and [link|url]"}
    found = landed({"field": "description", **texts})
    assert found == ("ask @[user].", "see @[user] and [link|url]")


def test_a_time_in_seconds_is_refused_by_name() -> None:
    """Atlassian's own example of the answer has one."""
    with pytest.raises(ContractViolation, match="'created_at' is not in milliseconds") as found:
        list(items_of(log({"field": "status"}, created=1492070429)))
    assert "1492070429 in row 90001 of issue 10001" in str(found.value)


@pytest.mark.parametrize(
    "changed",
    [
        "text", {"changeHistories": []}, {"issueId": "1", "changeHistories": [{"items": []}]},
        {"issueId": "1", "changeHistories": 7}, {"issueId": "1", "changeHistories": ["text"]},
        {"issueId": "1", "changeHistories": [{"id": "2", "author": "Jane", "items": []}]},
        {"issueId": "1", "changeHistories": [{"id": "2", "items": ["text"]}]},
    ],
)  # fmt: skip
def test_histories_of_another_shape_are_refused_by_name(changed: Any) -> None:
    with pytest.raises(ContractViolation, match="histories of issue"):
        list(items_of(changed))
