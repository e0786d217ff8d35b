"""What the simulated Jira site holds: issues, their history, its clock and delayed index.

Issues are compact rows (see the world); here they become API bodies. HTTP is in `jira_api`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from orchestration.clock import iso
from orchestration.errors import ContractViolation
from orchestration.simulation.adf import document
from orchestration.simulation.changes import ChangeFolder, bad_line, read_changes
from orchestration.simulation.jql import Jql, millis

ROLE_FIELD = "customfield_10050"
ESCALATED_FIELD = "customfield_10051"
CASES_FIELD = "customfield_10052"

ISSUE_COLUMNS = (
    *("id", "key", "project", "issue_type", "status", "status_category", "priority", "summary"),
    *("description", "labels", "components", "reporter_role", "escalated_at"),
    *("support_case_count", "created", "updated", "resolved_at"),
)
CHANGELOG_COLUMNS = ("id", "issue_id", "author", "field", "from_value", "to_value", "created")

_CATEGORY_IDS = {"new": 2, "indeterminate": 4, "done": 3}

_VERSIONS = count()

Row = dict[str, Any]


class JiraStore:
    """Issues and histories at the simulated time."""

    def __init__(self) -> None:
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self.issues: dict[str, Row] = {}
        self.changelog: dict[str, dict[str, Row]] = {}
        self.version = next(_VERSIONS)
        """Grows with every change; no two stores share one."""
        self._ids: dict[str, str] = {}
        self._by_creation: tuple[int, list[int], list[Row]] = (-1, [], [])

    def apply(self, folder: ChangeFolder) -> None:
        """Apply one change folder and move the clock to its boundary."""
        path = folder.file("jira", "issues")
        for change in read_changes(path):
            if change.row is None:
                self.remove(str(change.key))
            else:
                try:
                    self.put_issues([change.row])
                except ContractViolation as error:
                    raise bad_line(path, change.line, error.what) from None
        path = folder.file("jira", "changelog_items")
        for change in read_changes(path):
            if change.row is None or not set(CHANGELOG_COLUMNS) <= change.row.keys():
                raise bad_line(path, change.line, f"expected a row with {CHANGELOG_COLUMNS}")
            self.changelog.setdefault(change.row["issue_id"], {})[change.row["id"]] = change.row
        self.now = folder.boundary

    def put_issues(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert or replace issues; ContractViolation names the fields that a row lacks."""
        loaded = 0
        for row in rows:
            missing = [name for name in ISSUE_COLUMNS if name not in row]
            if missing:
                raise ContractViolation(f"issue {row.get('key')!r} lacks {missing}")
            self.issues[row["id"]] = dict(row)
            self._ids[row["key"]] = row["id"]
            loaded += 1
        self.version = next(_VERSIONS)
        return loaded

    def touch(self, issue_id: str) -> None:
        """Change an issue now, so that it moves to the end of every order by `updated`."""
        row = self.issues[issue_id]
        self.version = next(_VERSIONS)
        row["updated"] = iso(max(self.now, datetime.fromisoformat(row["updated"])))

    def find(self, id_or_key: str) -> Row | None:
        """Return an issue by id or key."""
        return self.issues.get(self._ids.get(id_or_key, id_or_key))

    def search(self, jql: Jql, delay_seconds: int, reconcile: frozenset[str]) -> list[Row]:
        """Matching issues in order, but for those that the index has not seen yet.

        An issue updated less than `delay_seconds` before the simulated now is not found,
        unless its id is among `reconcile`.
        """
        indexed = int(self.now.timestamp() * 1000) - delay_seconds * 1000
        found = [
            row
            for row in self._created_within(*jql.created)
            if jql.matches(row)
            and (not delay_seconds or row["id"] in reconcile or millis(row["updated"]) <= indexed)
        ]
        if jql.creation_order is None:
            return sorted(found, key=jql.sort_key)
        return found[:: jql.creation_order]

    def _created_within(self, low: int, high: int) -> list[Row]:
        """Rows by creation and id; large projects are read in many stretches of time."""
        version, times, rows = self._by_creation
        if version != self.version:
            rows = sorted(
                self.issues.values(), key=lambda row: (millis(row["created"]), int(row["id"]))
            )
            times = [millis(row["created"]) for row in rows]
            self._by_creation = (self.version, times, rows)
        return rows[bisect_left(times, low) : bisect_left(times, high)]

    def remove(self, key: str) -> None:
        """Forget an issue; harmless when there is none."""
        row = self.issues.pop(key, None)
        self.version = next(_VERSIONS)
        if row is not None:
            del self._ids[row["key"]]
            self.changelog.pop(key, None)


def _person(name: str) -> dict[str, Any]:
    return {
        "accountId": f"5b10a2844c20165700ede2{name}",
        "accountType": "atlassian",
        "active": True,
        "displayName": f"Simulated {name}",
        "emailAddress": f"{name}@example.com",
    }


def _local(moment: str | None, zone: ZoneInfo) -> str | None:
    """Jira's time format, in the time zone of the user who asks."""
    if moment is None:
        return None
    text = datetime.fromisoformat(moment).astimezone(zone).isoformat(timespec="milliseconds")
    # +0100, where ISO 8601 has +01:00.
    return text[:-3] + text[-2:]


def _fields(row: Row, zone: ZoneInfo) -> dict[str, Any]:
    category = row["status_category"]
    role = row["reporter_role"]
    reporter = _person(role or "reporter")
    cases = row["support_case_count"]
    return {
        "project": {"id": "10000", "key": row["project"], "name": row["project"]},
        "issuetype": {"id": "10001", "name": row["issue_type"], "subtask": False},
        "status": {
            "id": "10002",
            "name": row["status"],
            "statusCategory": {"id": _CATEGORY_IDS.get(category, 1), "key": category},
        },
        "priority": {"id": "3", "name": row["priority"]} if row["priority"] else None,
        "summary": row["summary"],
        "description": document(row["description"]),
        "labels": row["labels"] or [],
        "components": [{"id": str(10100 + i), "name": name} for i, name in _numbered(row)],
        "creator": reporter,
        "reporter": reporter,
        "assignee": None,
        "created": _local(row["created"], zone),
        "updated": _local(row["updated"], zone),
        "resolutiondate": _local(row["resolved_at"], zone),
        ROLE_FIELD: {"id": "10200", "value": role} if role else None,
        ESCALATED_FIELD: _local(row["escalated_at"], zone),
        CASES_FIELD: float(cases) if cases is not None else None,
    }


def _field_bodies() -> list[dict[str, Any]]:
    names = _fields(dict.fromkeys(ISSUE_COLUMNS), ZoneInfo("UTC"))
    return [
        {"id": n, "key": n, "name": n.capitalize(), "custom": n.startswith("customfield_")}
        for n in names
    ]


def _numbered(row: Row) -> Iterable[tuple[int, str]]:
    return enumerate(row["components"] or [])


FIELDS = _field_bodies()
"""The fields of the site's issues, as the API lists them."""


def issue_body(row: Row, fields: frozenset[str], base_url: str, zone: ZoneInfo) -> Row:
    """The API body of an issue with the wanted fields; only its id when none is wanted."""
    if not fields or fields == {"id"}:
        return {"id": row["id"]}
    body = {
        "expand": "",
        "id": row["id"],
        "self": f"{base_url}/rest/api/3/issue/{row['id']}",
        "key": row["key"],
    }
    every = bool(fields & {"*all", "*navigable"})
    chosen = {k: v for k, v in _fields(row, zone).items() if every or k in fields}
    if chosen:
        body["fields"] = chosen
    return body


def history_body(row: Row) -> dict[str, Any]:
    """One history of an issue, with the one item that it changed."""
    field = row["field"]
    return {
        "id": row["id"],
        "author": {
            "accountId": row["author"],
            "active": True,
            "displayName": f"Simulated {row['author']}",
        },
        "created": millis(row["created"]),
        "items": [
            {
                "field": field,
                "fieldId": field.lower().replace(" ", ""),
                "fieldtype": "jira",
                "from": None,
                "fromString": row["from_value"],
                "to": None,
                "toString": row["to_value"],
            }
        ],
    }
