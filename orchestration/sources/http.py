"""HTTP for the API sources: keep-alive, our own pace, retries that honour the server.

Knows no API. Safe for several threads. 429, 5xx and lost connections are tried
again with growing pauses or the server's `Retry-After`; what remains is a
`TransientFailure`. Everything else is returned to the caller, who knows what a 401 means.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from orchestration.closing import Closing
from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.sources.governor import Governor
from orchestration.sources.wire import Answer, Connections, Unanswered, Wire

_JSON = {"Content-Type": "application/json"}

_QUOTA_HEADERS = ("x-ratelimit-reason", "ratelimit-reason")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently: pauses double from `first_pause` to `longest_pause` seconds."""

    attempts: int = 6
    first_pause: float = 0.2
    longest_pause: float = 20.0
    longest_retry_after: float = 120.0


class HttpSource(Closing):
    """One API: base address, headers, limit. `name` is what messages call it."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        governor: Governor,
        endpoint_of: Callable[[str], str] = lambda path: "",
        auth: tuple[str, str] | None = None,
        retry: RetryPolicy | None = None,
        wire: Wire | None = None,
        sleep: Callable[[float], None] = time.sleep,
        timeout: float = 60.0,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self._governor = governor
        self._endpoint_of = endpoint_of
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._jitter = random.Random(0)
        try:
            self._prefix = urlsplit(self.base_url).path
            self._headers = _plain({**headers, **(_basic(*auth) if auth else {})})
            self._wire = wire or Connections(self.base_url, timeout)
        except ValueError as error:
            raise PermanentFailure(
                f"{name}: the address or key cannot be used: {type(error).__name__}",
                todo="look at the settings of this source for stray characters",
            ) from error

    def close(self) -> None:
        self._wire.close()

    def is_limited(self, path: str = "") -> bool:
        """Whether requests to a path wait for our own pace: more at once would not be faster."""
        return self._governor.is_binding(self._endpoint_of(path))

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """GET with retries; any answer other than 429 and 5xx is returned."""
        return self._send(
            "GET", path, f"{path}?{urlencode(params, doseq=True)}" if params else path
        )

    def post(self, path: str, body: Any) -> Answer:
        """POST a JSON body with retries; only for reads, since it may be sent twice."""
        return self._send("POST", path, path, orjson.dumps(body))

    def _send(self, method: str, path: str, target: str, body: bytes | None = None) -> Answer:
        headers = self._headers if body is None else {**self._headers, **_JSON}
        problem, endpoint = "", self._endpoint_of(path)
        for attempt in range(self._retry.attempts):
            self._governor.take(endpoint)
            hint: float | None = None
            try:
                answer = self._wire.send(method, self._prefix + target, headers, body)
            except Unanswered as error:
                problem = str(error)
            else:
                if answer.status != 429 and answer.status < 500:
                    self._governor.answered(endpoint)
                    return answer
                problem = self._describe(answer)
                # Two requests for one object met: no sign of speed.
                if answer.status == 429 and "lock_timeout" not in problem:
                    self._governor.refused(endpoint, problem)
                hint = self._retry_after(answer)
            if attempt + 1 < self._retry.attempts:
                self._wait(attempt, hint)
        raise TransientFailure(
            f"{self.name} at {self.base_url} did not answer: {problem}",
            tried=f"{method} {path}, {self._retry.attempts} times",
            todo="see that the address is right and the service up, then run again",
        )

    def _describe(self, answer: Answer) -> str:
        reason = answer.headers.get("stripe-rate-limited-reason", "")
        for header in _QUOTA_HEADERS:
            reason = reason or answer.headers.get(header, "")
        if answer.status == 429:
            reason = reason or _code(answer)
        if "quota" in reason.lower():
            raise TransientFailure(
                f"{self.name} refuses more requests: {reason}",
                tried="asking slower; a spent quota does not come back within this run",
                todo="run again after the quota's window",
            )
        return f"HTTP {answer.status}" + (f" ({reason})" if reason else "")

    def _retry_after(self, answer: Answer) -> float | None:
        text = answer.headers.get("retry-after")
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            try:
                date = parsedate_to_datetime(answer.headers["date"])
                seconds = (parsedate_to_datetime(text) - date).total_seconds()
            except (KeyError, TypeError, ValueError):
                return None
        if seconds > self._retry.longest_retry_after:
            raise TransientFailure(
                f"{self.name} asks to wait {seconds:.0f} s",
                tried=f"waiting up to {self._retry.longest_retry_after:.0f} s",
                todo="run again later",
            )
        return max(seconds, 0.0)

    def _wait(self, attempt: int, hint: float | None) -> None:
        pause = min(self._retry.first_pause * 2**attempt, self._retry.longest_pause)
        # Without jitter, threads that were refused together come back together.
        pause *= 0.5 + self._jitter.random()
        if hint is not None:
            pause = max(hint, pause if hint == 0 else 0.0)
            self._governor.pause(hint)
        self._sleep(pause)


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers; ValueError when one holds what no header may."""
    if not all(v.isascii() and v.isprintable() for v in headers.values()):
        raise ValueError("a header that is not printable ASCII")
    return dict(headers)


def _basic(user: str, password: str) -> dict[str, str]:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {login}"}


def _code(answer: Answer) -> str:
    """Return `error.code` of a JSON body, where some reasons stand alone; empty without."""
    try:
        return str(orjson.loads(answer.body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def json_object(answer: Answer, source: str, path: str) -> dict[str, Any]:
    """Return the JSON object of an answer; TransientFailure when it is none (say, cut)."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise TransientFailure(
            f"{source} answered {answer.status} with something that is not JSON",
            tried=path,
            todo="see whether a proxy stands between; run again",
        ) from error
    if not isinstance(body, dict):
        raise TransientFailure(f"{source} answered with JSON that is not an object")
    return body
