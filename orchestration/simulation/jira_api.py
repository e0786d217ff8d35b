"""The simulated Jira Cloud REST API (version 3): search, changelog, identity, permissions.

Answers as the real one does where it matters to extraction: no total, pages that end when
`nextPageToken` is absent, ids only unless fields are asked for, "success, zero issues" for an
expired token. Issues come from `jira_store`, queries from `jql`.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.simulation.faults import FaultRule, Faults
from orchestration.simulation.http_answers import ApiError, answer, guarded, reshaped
from orchestration.simulation.jira_store import FIELDS, JiraStore, Row, history_body, issue_body
from orchestration.simulation.jql import Jql, JqlError, parse
from orchestration.simulation.rate_limit import RateLimiter

_BASE = "/rest/api/3"
_MAX_IDS = 5000
_MAX_ISSUES = 100
_MAX_HISTORIES = 1000
_SEARCHES = 64

Arguments = dict[str, Any]


class JiraApi:
    """The routes of the API over one store, for one user and token."""

    def __init__(
        self,
        store: JiraStore,
        faults: Faults,
        email: str,
        api_token: str,
        limiter: RateLimiter,
        count_request: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._faults = faults
        self._limiter = limiter
        self._login = f"{email}:{api_token}"
        self._email = email
        self._count = count_request
        self._found: dict[Any, list[Row]] = {}

    def routes(self) -> list[Route]:
        """Return every route."""
        return [
            self._route("/search/jql", self._search, "GET", "POST"),
            self._route("/search", self._gone, "GET", "POST"),
            self._route("/changelog/bulkfetch", self._changelog, "POST"),
            self._route("/field", self._fields, "GET"),
            self._route("/myself", self._myself, "GET"),
            self._route("/mypermissions", self._permissions, "GET"),
            self._route("/issue/{id}", self._issue, "GET"),
        ]

    def _route(
        self, path: str, serve: Callable[[Request, Arguments, bool], Any], *methods: str
    ) -> Route:
        async def handle(request: Request, rule: FaultRule | None) -> Response:
            is_anonymous = self._admit(request)
            arguments = await _arguments(request)
            body = serve(request, arguments, is_anonymous)
            if rule is not None and rule.kind == "empty_page":
                body = {"issues": [], "isLast": True}
            if rule is not None and rule.kind == "move_row" and body.get("issues"):
                self._store.touch(body["issues"][0]["id"])
            if rule is not None and rule.kind == "remove_row" and body.get("issues"):
                self._store.remove(body["issues"][0]["id"])
            if rule is not None and rule.kind == "drop_pagination":
                body.pop("nextPageToken", None)
                body.pop("isLast", None)
            if rule is not None and rule.kind == "repeat_token" and arguments.get("nextPageToken"):
                body.update(nextPageToken=arguments["nextPageToken"], isLast=False)
            return answer(body)

        guard: Callable[[Request], Awaitable[Response]] = guarded(
            "jira", self._faults, self._count, _fault_body, handle
        )
        return Route(_BASE + path, guard, methods=list(methods))

    def _admit(self, request: Request) -> bool:
        """Check the token; True when the request is only served as an anonymous one."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            login = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            login = ""
        if scheme.lower() != "basic" or login != self._login:
            raise _failure(401, "Client must be authenticated to access this resource.")
        limit = self._faults.switches.jira_requests_per_second
        if self._limiter.refuse("", limit, None) is not None:
            headers = {"RateLimit-Reason": "jira-burst-based", "Retry-After": "1"}
            raise ApiError(429, _fault_body(429, None), headers)
        return self._faults.switches.jira_token_expired

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._faults.switches.jira_user_time_zone)

    def _can(self, permission: str) -> bool:
        return permission not in self._faults.switches.jira_missing_permissions

    def _search(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        jql = self._parse(str(arguments.get("jql") or ""))
        reconcile = frozenset(str(i) for i in _list(arguments.get("reconcileIssues")))
        if len(reconcile) > 50:
            raise _failure(400, "reconcileIssues accepts at most 50 issue ids.")
        fields = frozenset(str(name) for name in _list(arguments.get("fields")))
        size = _integer(arguments, "maxResults", 50)
        size = min(size, _MAX_IDS if fields <= {"id", "key"} else _MAX_ISSUES)
        after = _read_token(arguments.get("nextPageToken"))
        if is_anonymous or not self._can("BROWSE_PROJECTS"):
            return {"issues": [], "isLast": True}
        delay = self._faults.switches.jira_index_delay_seconds
        key = (str(arguments.get("jql")), delay, reconcile, self._store.version, self._store.now)
        if key not in self._found:
            # The pages of one search come soon after another; sorting once is enough.
            if len(self._found) >= _SEARCHES:
                del self._found[next(iter(self._found))]
            self._found[key] = self._store.search(jql, delay, reconcile)
        found = self._found[key]
        by_offset = self._faults.switches.jira_pages_by_offset
        start = after[0] if by_offset and after is not None else 0
        if after is not None and not by_offset:
            start = bisect_right(found, after, key=lambda row: list(jql.sort_key(row)))
        rows, more = found[start : start + size], len(found) > start + size
        place = [start + size] if by_offset else list(jql.sort_key(rows[-1])) if more else []
        return self._page(request, rows, _write_token(place) if more else None, fields)

    def _parse(self, text: str) -> Jql:
        try:
            return parse(text, self._faults.switches.jira_user_time_zone)
        except JqlError as error:
            raise _failure(400, str(error)) from None

    def _page(
        self, request: Request, rows: list[Row], token: str | None, fields: frozenset[str]
    ) -> Any:
        base, zone = str(request.base_url).rstrip("/"), self._zone()
        issues = [self._body(row, fields, base, zone) for row in rows]
        if token is None:
            return {"issues": issues, "isLast": True}
        return {"issues": issues, "nextPageToken": token, "isLast": False}

    def _body(self, row: Row, fields: frozenset[str], base: str, zone: ZoneInfo) -> Row:
        issue = issue_body(row, fields, base, zone)
        if issue.get("fields"):
            gone = dict.fromkeys(self._faults.switches.jira_missing_fields)
            reshaped(issue["fields"], {**self._faults.switches.jira_shape, **gone})
        return issue

    def _fields(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        gone = self._faults.switches.jira_missing_fields
        return [field for field in FIELDS if field["id"] not in gone]

    def _gone(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        raise _failure(
            410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql."
        )

    def _changelog(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        wanted = [str(i) for i in _list(arguments.get("issueIdsOrKeys"))]
        if not 1 <= len(wanted) <= 1000:
            raise _failure(400, "issueIdsOrKeys must name between 1 and 1000 issues.")
        size = min(_integer(arguments, "maxResults", _MAX_HISTORIES), 10_000)
        rows = [] if is_anonymous else [r for r in map(self._store.find, wanted) if r is not None]
        histories = [
            (issue["id"], row)
            for issue in rows
            for row in self._store.changelog.get(issue["id"], {}).values()
        ]
        start = (_read_token(arguments.get("nextPageToken")) or [0])[0]
        logs: dict[str, list[Any]] = {}
        for issue_id, row in histories[start : start + size]:
            history = history_body(row)
            reshaped(history["items"][0], self._faults.switches.jira_item_shape)
            logs.setdefault(issue_id, []).append(history)
        body: dict[str, Any] = {
            "issueChangeLogs": [{"issueId": k, "changeHistories": v} for k, v in logs.items()]
        }
        if start + size < len(histories):
            body["nextPageToken"] = _write_token([start + size])
        return body

    def _myself(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        if is_anonymous:
            raise _failure(401, "Client must be authenticated to access this resource.")
        return {
            "accountId": "5b10a2844c20165700ede21g",
            "accountType": "atlassian",
            "active": True,
            "displayName": "Extraction",
            "emailAddress": self._email,
            "locale": "en_US",
            "timeZone": self._faults.switches.jira_user_time_zone,
        }

    def _permissions(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        names = [str(n) for n in _list(arguments.get("permissions"))]
        if not names:
            raise _failure(400, "The 'permissions' query parameter is required.")
        return {
            "permissions": {
                name: {
                    "id": name,
                    "key": name,
                    "name": name.replace("_", " ").capitalize(),
                    "type": "PROJECT",
                    "havePermission": not is_anonymous and self._can(name),
                }
                for name in names
            }
        }

    def _issue(self, request: Request, arguments: Arguments, is_anonymous: bool) -> Any:
        row = self._store.find(request.path_params["id"])
        if row is None or is_anonymous or not self._can("BROWSE_PROJECTS"):
            raise _failure(404, "Issue does not exist or you do not have permission to see it.")
        fields = frozenset(str(name) for name in _list(arguments.get("fields"))) or frozenset(
            {"*all"}
        )
        base = str(request.base_url).rstrip("/")
        return self._body(row, fields, base, self._zone())


def _failure(status: int, message: str) -> ApiError:
    return ApiError(status, {"errorMessages": [message], "errors": {}})


def _fault_body(status: int, reason: str | None) -> Any:
    message = "Rate limit exceeded." if status == 429 else f"Simulated failure ({status})."
    return {"errorMessages": [message], "errors": {}}


async def _arguments(request: Request) -> Arguments:
    """Arguments of a request: JSON body of a POST, else the query (repeated keys are lists)."""
    if request.method == "POST":
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise _failure(400, "Invalid request payload. Refer to the REST API documentation.")
        return body
    query = request.query_params
    several = {name: query.getlist(name) for name in query}
    return {name: values if len(values) > 1 else values[0] for name, values in several.items()}


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [
        part for v in values for part in (v.split(",") if isinstance(v, str) else [v]) if part != ""
    ]


def _integer(arguments: Arguments, name: str, default: int) -> int:
    text = str(arguments.get(name, default))
    if not text.isdigit() or int(text) < 1:
        raise _failure(400, f"{name} must be a positive integer, got '{text}'.")
    return int(text)


def _write_token(position: list[int]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def _read_token(token: Any) -> list[int] | None:
    if not token:
        return None
    try:
        text = str(token)
        position = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return [int(number) for number in position]
    except (binascii.Error, ValueError, TypeError):
        raise _failure(400, "The provided next page token is invalid or expired.") from None
