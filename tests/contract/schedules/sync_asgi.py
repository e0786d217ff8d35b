"""A simulated server called in the test's own process: real routes and answers, no socket."""

from __future__ import annotations

import threading
from typing import Any

import httpx
from starlette.types import ASGIApp


class InProcess(httpx.BaseTransport):
    """Runs the application for one request at a time; `requests` counts them.

    The application may not wait for anything: its handlers answer from memory.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "headers": [(k.lower(), v) for k, v in request.headers.raw],
            "server": ("test", 80),
            "client": ("test", 1),
            "root_path": "",
        }
        status, headers, parts = 500, [], []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], message["headers"]
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
        return httpx.Response(status, headers=headers, content=b"".join(parts), request=request)
