"""Jira Cloud as extraction needs it: probes, bounded search, id sweep, histories. Lands nothing.

Search is eventually consistent and answers "zero issues" to a token that lost its rights,
so identity and permission are probed first, and no page is the last one without saying so.
Times in JQL are epoch milliseconds: bare datetimes would be read in the user's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from orchestration.closing import Closing
from orchestration.errors import PaygoError, PermanentFailure, TransientFailure
from orchestration.sources.adf import adf_text
from orchestration.sources.contract import table
from orchestration.sources.governor import Governor
from orchestration.sources.http import HttpSource, json_object
from orchestration.sources.records import RecordBuilder
from orchestration.sources.wire import Answer

FIELDS = (
    "project", "issuetype", "status", "priority", "summary", "description", "labels",
    "components", "created", "updated", "resolutiondate", "customfield_10050",
    "customfield_10051", "customfield_10052",
)  # fmt: skip
"""What is asked for; people (reporter, assignee, creator) are not."""

_BASE = "/rest/api/3"
_ISSUES_A_PAGE = 100
_IDS_A_PAGE = 5000
_HISTORIES_A_PAGE = 1000
_IDS_A_QUERY = 100

ISSUES_A_HISTORY_CALL = 1000
"""The most issues whose histories one call may ask for."""

Object = dict[str, Any]

Stretch = tuple[int | None, int | None]
"""A half-open stretch of creation times in epoch milliseconds; None: no end."""

EVER: Stretch = (None, None)


def millis(moment: datetime) -> int:
    """Return epoch milliseconds, as JQL takes times."""
    return int(moment.timestamp() * 1000)


class JiraSource(Closing):
    """One Jira site and project, read with one token; a context manager."""

    def __init__(
        self,
        base_url: str,
        email: str,
        token: str,
        project: str,
        *,
        requests_per_second: float = 50.0,
        http: HttpSource | None = None,
    ) -> None:
        self._project = project
        self._http = http or HttpSource(
            "Jira",
            base_url,
            headers={"Accept": "application/json"},
            auth=(email, token),
            governor=Governor(requests_per_second),
        )

    def close(self) -> None:
        self._http.close()

    def probe(self) -> None:
        """Make sure who we are and that the project may be browsed; PermanentFailure if not."""
        identity = self._json(self._http.get(f"{_BASE}/myself"), "myself")
        if not identity.get("accountId"):
            raise PermanentFailure(
                "Jira does not say who the token belongs to",
                tried="GET /rest/api/3/myself",
                todo="create a new API token and put it into PAYGO_JIRA_API_TOKEN",
            )
        query = {"permissions": "BROWSE_PROJECTS", "projectKey": self._project}
        answer = self._json(self._http.get(f"{_BASE}/mypermissions", query), "mypermissions")
        browse = (answer.get("permissions") or {}).get("BROWSE_PROJECTS") or {}
        if browse.get("havePermission") is not True:
            raise PermanentFailure(
                f"the Jira token may not browse project {self._project}: it would see zero issues",
                tried="GET /rest/api/3/mypermissions",
                todo=f"grant BROWSE_PROJECTS on {self._project} to its user, or correct "
                "PAYGO_JIRA_PROJECT",
            )

    @property
    def is_limited(self) -> bool:
        """Whether requests wait for our own pace, so that more at once would not help."""
        return self._http.is_limited()

    def pages(
        self, fields: Sequence[str], *, since: datetime | None = None, stretch: Stretch = EVER
    ) -> Iterator[tuple[list[Object], bool]]:
        """Yield pages of issues with these fields, and whether there is more; oldest first.

        `since`: only issues updated at or after it. `stretch`: only those created within.
        """
        where = self._where(since)
        low, high = stretch
        where += [f"created >= {low}"] if low is not None else []
        where += [f"created < {high}"] if high is not None else []
        size = _IDS_A_PAGE if set(fields) == {"id"} else _ISSUES_A_PAGE
        # By creation, which never changes: an issue that is touched meanwhile stays in its place.
        yield from self._search(f"{' AND '.join(where)} ORDER BY created ASC, id ASC", fields, size)

    def newest(self, since: datetime | None = None) -> Object | None:
        """Return the issue created last, with that time alone; None when there is none.

        `since`: only of those updated at or after it.
        """
        where = " AND ".join(self._where(since))
        query = f"{where} ORDER BY created DESC, id DESC"
        page, _ = next(self._search(query, ("created",), 1))
        return page[0] if page else None

    def by_id(self, ids: Sequence[str]) -> Iterator[list[Object]]:
        """Yield pages of the issues with these ids."""
        for start in range(0, len(ids), _IDS_A_QUERY):
            listed = ", ".join(ids[start : start + _IDS_A_QUERY])
            jql = f"id in ({listed}) ORDER BY id ASC"
            yield from (page for page, _ in self._search(jql, FIELDS, _ISSUES_A_PAGE))

    def issue(self, issue_id: str) -> Object | None:
        """Return one issue from the store itself, past the index; None when it does not exist."""
        path = f"{_BASE}/issue/{issue_id}"
        answer = self._http.get(path, {"fields": ",".join(FIELDS)})
        return None if answer.status == 404 else self._json(answer, path)

    def histories(self, issue_ids: Sequence[str]) -> Iterator[list[Object]]:
        """Yield pages of changelog items (columns of `jira.changelog_items`) of these issues.

        At most `ISSUES_A_HISTORY_CALL` ids.
        """
        body: Object = {"issueIdsOrKeys": list(issue_ids), "maxResults": _HISTORIES_A_PAGE}
        path = f"{_BASE}/changelog/bulkfetch"
        for logs, _ in self._token_pages(path, body, "issueChangeLogs"):
            yield [item for log in logs for item in _items(log)]

    def _where(self, since: datetime | None) -> list[str]:
        ours = f'project = "{self._project}"'
        return [ours] if since is None else [ours, f"updated >= {millis(since)}"]

    def _search(
        self, jql: str, fields: Sequence[str], size: int
    ) -> Iterator[tuple[list[Object], bool]]:
        body: Object = {"jql": jql, "fields": list(fields), "maxResults": size}
        yield from self._token_pages(f"{_BASE}/search/jql", body, "issues", flag="isLast")

    def _token_pages(
        self, path: str, body: Object, key: str, flag: str | None = None
    ) -> Iterator[tuple[list[Object], bool]]:
        """Follow `nextPageToken`; a repeated token or a page without its keys is an error."""
        seen: set[str] = set()
        token: str | None = None
        while True:
            answer = self._json(
                self._http.post(path, body if token is None else {**body, "nextPageToken": token}),
                path,
            )
            page = answer.get(key)
            token = answer.get("nextPageToken")
            # The last page must say that it is: a lost token would end the list early.
            is_silent = flag is not None and token is None and answer.get(flag) is not True
            if not isinstance(page, list) or is_silent:
                missing = key if not isinstance(page, list) else f"nextPageToken and {flag}"
                raise TransientFailure(
                    f"Jira's {path} answered with a page without {missing}",
                    tried="paging; a list is never taken as finished without that evidence",
                    todo="run again; when it stays, see what stands between here and Jira",
                )
            yield page, token is not None
            if token is None:
                return
            if token in seen:
                raise TransientFailure(
                    f"Jira's {path} repeats its page token",
                    tried=f"paging, {len(seen)} pages so far",
                    todo="run again; this is a known fault of the search",
                )
            seen.add(token)

    def _json(self, answer: Answer, path: str) -> Object:
        if answer.status == 200:
            return json_object(answer, "Jira", path)
        raise _refusal(answer, path)


def _refusal(answer: Answer, path: str) -> PaygoError:
    try:
        messages = json_object(answer, "Jira", path).get("errorMessages") or []
    except TransientFailure:
        messages = []
    said = "Jira says: " + " ".join(map(str, messages)) if messages else ""
    if answer.status in (401, 403):
        return PermanentFailure(
            f"Jira refused the token ({answer.status}). {said}",
            tried=path,
            todo="correct PAYGO_JIRA_EMAIL and PAYGO_JIRA_API_TOKEN; a scoped token needs the "
            "base address api.atlassian.com/ex/jira/<cloud id>",
        )
    if answer.status == 410:
        return PermanentFailure(f"Jira no longer offers {path}. {said}", todo="update this program")
    return PermanentFailure(f"Jira refused {path} with {answer.status}. {said}")


def _items(log: Mapping[str, Any]) -> Iterator[Object]:
    issue_id = log.get("issueId")
    for history in log.get("changeHistories") or ():
        author = (history.get("author") or {}).get("accountId")
        created, number = history.get("created"), history["id"]
        for index, item in enumerate(history.get("items") or ()):
            yield {
                "changelog_item_id": f"{number}:{index}",
                "issue_id": issue_id,
                "author_id": author,
                "field": item.get("field"),
                "from_value": item.get("fromString"),
                "to_value": item.get("toString"),
                "created_at": created,
            }


def _description(issue: Object) -> Any:
    return adf_text((issue.get("fields") or {}).get("description"))


def _components(issue: Object) -> Any:
    return [c.get("name") for c in (issue.get("fields") or {}).get("components") or ()]


def issue_builder(hash_key: bytes) -> RecordBuilder:
    """Return the builder of `jira.issues`; the payload's texts are masked by pattern."""
    return RecordBuilder(
        table("jira.issues"),
        hash_key,
        computed={"description_text": _description, "components": _components},
        free_text="",
    )


def history_builder(hash_key: bytes) -> RecordBuilder:
    """Return the builder of `jira.changelog_items`."""
    return RecordBuilder(table("jira.changelog_items"), hash_key, milliseconds=("created_at",))
