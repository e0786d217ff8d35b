"""Answers of the simulated HTTP servers: JSON bodies, API errors, and the faults of transport.

Shared by the Stripe and Jira servers; knows neither of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from orchestration.simulation.faults import FaultRule, Faults, Service

Handler = Callable[[Request, FaultRule | None], Awaitable[Response]]
ErrorBody = Callable[[int, str | None], Any]


class ApiError(Exception):
    """An error answer: HTTP status, JSON body, extra headers."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        super().__init__(f"{status} {body}")


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(orjson.dumps(body), status, dict(headers or {}), media_type="application/json")


def reshaped(body: Any, shape: Mapping[str, Any]) -> None:
    """Give an object the fields of `shape`, in place; a field of null is taken away."""
    for name, value in shape.items():
        if value is None:
            body.pop(name, None)
        else:
            body[name] = value


class CutAnswer(Response):
    """An answer whose connection is closed before the promised body has arrived."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": False})


def guarded(
    service: Service,
    faults: Faults,
    count: Callable[[str, str], None],
    error_body: ErrorBody,
    handler: Handler,
) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: requests are counted, fault rules applied, ApiErrors answered."""

    async def serve(request: Request) -> Response:
        path = request.url.path
        count(service, path)
        rule = faults.take(service, path)
        delay = rule.seconds if rule is not None and rule.kind == "slow" else 0.0
        switches = faults.switches
        delay += (
            switches.stripe_answer_seconds if service == "stripe" else switches.jira_answer_seconds
        )
        if delay:
            await asyncio.sleep(delay)
        if rule is not None and rule.kind == "status":
            return answer(error_body(rule.status, rule.reason), rule.status, _headers(rule))
        try:
            response = await handler(request, rule)
        except ApiError as error:
            response = answer(error.body, error.status, error.headers)
        if rule is not None and rule.kind == "lose_answer":
            return CutAnswer(bytes(response.body))
        return response

    return serve


def _headers(rule: FaultRule) -> dict[str, str]:
    headers = {}
    # Stripe names a lock that timed out in the body alone.
    if rule.status == 429 and rule.service == "stripe" and rule.reason != "lock_timeout":
        headers["Stripe-Rate-Limited-Reason"] = rule.reason or "global-rate"
    if rule.status == 429 and rule.service == "jira":
        headers["RateLimit-Reason"] = rule.reason or "jira-burst-based"
    if rule.retry_after is not None:
        headers["Retry-After"] = str(rule.retry_after)
    return headers
