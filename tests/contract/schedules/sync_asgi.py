"""A simulated server called in the test's own process: real routes and answers, no socket."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import urllib3
from starlette.types import ASGIApp

from orchestration.sources.wire import Answer


class InProcess:
    """A `Wire` that runs the application for one request at a time; `requests` counts them.

    The application may not wait for anything: its handlers answer from memory.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.requests = 0

    def close(self) -> None:
        pass

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        path, _, query = target.partition("?")
        sent = {"Host": "test", **headers}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
            "server": ("test", 80),
            "client": ("test", 1),
            "root_path": "",
        }
        status, answered, parts = 500, urllib3.HTTPHeaderDict(), []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    answered.add(name.decode(), value.decode())
            else:
                parts.append(message.get("body", b""))

        with self._lock:
            self.requests += 1
            running = self._app(scope, receive, send)  # type: ignore[arg-type]
            try:
                running.send(None)  # type: ignore[attr-defined]
            except StopIteration:
                pass
            else:
                raise AssertionError("a handler waits: this transport has no event loop")
        return Answer(status, b"".join(parts), answered)
