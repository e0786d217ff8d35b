"""Jira Cloud as extraction needs it: probes, bounded search, id sweep, histories. Lands nothing.

Search is eventually consistent and answers "zero issues" to a token that lost its rights,
so identity and permission are probed first, and no page is the last one without saying so.
Times in JQL are epoch milliseconds: bare datetimes would be read in the user's time zone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson

from orchestration.closing import Closing
from orchestration.errors import ContractViolation, PaygoError, PermanentFailure, TransientFailure
from orchestration.sources.contract import table
from orchestration.sources.governor import Governor
from orchestration.sources.http import HttpSource, json_object
from orchestration.sources.jira_records import items_of, project_of
from orchestration.sources.wire import Answer


def _columns_of_fields() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in table("jira.issues").columns:
        top, *rest = (column.path or "").split(".")
        if top == "fields":
            found.setdefault(rest[0], []).append(column.name)
    return found


COLUMNS_OF_FIELDS = _columns_of_fields()
"""Fields of an issue that the contract reads, and the columns made of each."""

FIELDS = tuple(COLUMNS_OF_FIELDS)
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

    def confirm_access(self) -> None:
        """Make sure who we are and that the project may be browsed; PermanentFailure if not.

        Asked again after the last answer it shows that every answer before was given to us: to
        a token that has expired meanwhile the project is empty, and none of its issues exists.
        """
        _together(self._confirm_identity, self._confirm_permission)

    def _confirm_identity(self) -> None:
        identity = self._json(self._http.get(f"{_BASE}/myself"), "myself")
        if not identity.get("accountId"):
            raise PermanentFailure(
                "Jira does not say who the token belongs to",
                tried="GET /rest/api/3/myself",
                todo="create a new API token and put it into PAYGO_JIRA_API_TOKEN",
            )

    def _confirm_permission(self) -> None:
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

    def probe(self) -> None:
        """Make sure that reading may begin; PermanentFailure says what is in the way.

        Jira leaves a field that it does not have out of its answers, without a word.
        """
        _together(self._confirm_identity, self._confirm_permission, self._confirm_fields)

    def _confirm_fields(self) -> None:
        path = f"{_BASE}/field"
        answer = self._http.get(path)
        if answer.status != 200:
            raise _refusal(answer, path)
        known = {f.get("id") for f in _list(answer, path) if isinstance(f, dict)}
        missing = [
            f"{field} (column {', '.join(columns)})"
            for field, columns in COLUMNS_OF_FIELDS.items()
            if field not in known
        ]
        if missing:
            raise ContractViolation(
                f"jira.issues: this Jira site has no field {', '.join(missing)}",
                tried="GET /rest/api/3/field, which lists what the token's user may see",
                todo="change the path of the column in orchestration/sources/contract_others.py "
                "to the field of this site, or let the user browse a project that uses it",
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

    @cached_property
    def project_key(self) -> str | None:
        """The key by which the newest issue names the project; None when there is no issue."""
        newest = self.newest(field="project")
        return None if newest is None else project_of(newest)

    def newest(self, since: datetime | None = None, field: str = "created") -> Object | None:
        """Return the issue created last, with that field alone; None when there is none.

        `since`: only of those updated at or after it.
        """
        where = " AND ".join(self._where(since))
        query = f"{where} ORDER BY created DESC, id DESC"
        pages = self._search(query, (field,), 1)
        return next((page[0] for page, _ in pages if page), None)

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
            yield [item for log in logs for item in items_of(log)]

    def _where(self, since: datetime | None) -> list[str]:
        ours = f'project = "{self._project}"'
        return [ours] if since is None else [ours, f"updated >= {millis(since)}"]

    def _search(
        self, jql: str, fields: Sequence[str], size: int
    ) -> Iterator[tuple[list[Object], bool]]:
        body: Object = {"jql": jql, "fields": list(fields), "maxResults": size}
        path = f"{_BASE}/search/jql"
        for page, has_more in self._token_pages(path, body, "issues", flag="isLast"):
            if not all(isinstance(i, dict) and isinstance(i.get("id"), str) for i in page):
                raise ContractViolation(
                    "jira.issues: column 'issue_id' has no value in an issue that Jira found",
                    tried=path,
                    todo="see what changed in the source, then change the contract",
                )
            yield page, has_more

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


def _list(answer: Answer, path: str) -> list[Any]:
    with contextlib.suppress(orjson.JSONDecodeError):
        found = orjson.loads(answer.body)
        if isinstance(found, list):
            return found
    raise TransientFailure(
        f"Jira answered {path} with something that is no JSON list",
        todo="see whether a proxy stands between; run again",
    )


def _together(*checks: Callable[[], None]) -> None:
    """Run checks side by side; of several that fail, the first tells why."""
    with ThreadPoolExecutor(len(checks)) as pool:
        for done in [pool.submit(check) for check in checks]:
            done.result()


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
