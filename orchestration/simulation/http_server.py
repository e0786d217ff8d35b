"""The process of the simulated Stripe and Jira: one loopback port, controlled by its parent.

Started by `platform` as `python -m orchestration.simulation.http_server`: the configuration
is one JSON line on standard input, the listening socket is inherited, and the process ends
when its parent closes standard input or dies. Paths below `/_simulator` control it.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.clock import iso
from orchestration.errors import PaygoError
from orchestration.simulation.changes import World
from orchestration.simulation.faults import FaultRule, Faults, Switches
from orchestration.simulation.http_answers import answer
from orchestration.simulation.jira_api import JiraApi
from orchestration.simulation.jira_store import JiraStore
from orchestration.simulation.rate_limit import RateLimiter
from orchestration.simulation.stripe_api import StripeApi
from orchestration.simulation.stripe_store import StripeStore


class ServerConfig(BaseModel):
    """What the parent tells the process; the secrets are made anew at every start."""

    world_dir: Path
    socket_fd: int
    stripe_api_key: str
    jira_email: str
    jira_api_token: str
    control_token: str
    switches: Switches


class Simulator:
    """Both stores, their faults and the control routes."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._world = World.open(config.world_dir)
        self._applied = 0
        self._requests: Counter[str] = Counter()
        self._stripe = StripeStore()
        self._jira = JiraStore()
        self._faults = Faults(config.switches)

    def app(self) -> Starlette:
        """Return the web application."""
        stripe = StripeApi(
            self._stripe,
            self._faults,
            self._config.stripe_api_key,
            RateLimiter(time.monotonic),
            self._count,
        )
        jira = JiraApi(
            self._jira,
            self._faults,
            self._config.jira_email,
            self._config.jira_api_token,
            RateLimiter(time.monotonic),
            self._count,
        )
        return Starlette(
            routes=[
                *stripe.routes(),
                *jira.routes(),
                Route("/_simulator/{command}", self._control, methods=["POST"]),
            ]
        )

    def _count(self, service: str, path: str) -> None:
        self._requests[f"{service} {path}"] += 1

    async def _control(self, request: Request) -> Response:
        """Run a command of the parent; a failure is answered with its message."""
        token = request.headers.get("x-simulator-token", "")
        if not secrets.compare_digest(token, self._config.control_token):
            return answer({"error": "the control token is missing or wrong"}, 403)
        body = orjson.loads(await request.body() or b"{}")
        command = getattr(self, f"_do_{request.path_params['command']}", None)
        if command is None:
            return answer({"error": f"unknown command {request.path_params['command']!r}"}, 404)
        try:
            return answer(command(body))
        except ValidationError as error:
            return answer({"error": str(error)}, 400)
        except PaygoError as error:
            return answer({"error": error.what, "tried": error.tried, "todo": error.todo}, 409)

    def _do_health(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = {name: len(table) for name, table in self._stripe.tables.items()}
        return {"now": iso(self._stripe.now), "stripe": rows, "jira": len(self._jira.issues)}

    def _do_advance(self, body: dict[str, Any]) -> dict[str, Any]:
        moment = datetime.fromisoformat(body["to"])
        due = self._world.folders_until(moment)
        for folder in due[self._applied :]:
            self._stripe.apply(folder)
            self._jira.apply(folder)
            self._applied = folder.index + 1
        self._stripe.move_to(moment)
        self._jira.now = moment
        return self._do_health({})

    def _do_faults(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add rules, change switches, or reset everything to healthy."""
        rules = [FaultRule.model_validate(rule) for rule in body.get("rules", [])]
        known = {} if body.get("reset") else self._faults.switches.model_dump()
        merged = {**self._faults.initial.model_dump(), **known, **body.get("switches", {})}
        switches = Switches.model_validate(merged)
        if body.get("reset"):
            self._faults.reset()
        self._faults.rules.extend(rules)
        self._faults.switches = switches
        return {"rules": len(self._faults.rules)}

    def _do_issues(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"loaded": self._jira.put_issues(body["issues"])}

    def _do_requests(self, body: dict[str, Any]) -> dict[str, Any]:
        """Requests served so far, by service and path; forgotten once read."""
        seen = dict(self._requests)
        self._requests.clear()
        return seen


def main() -> None:
    """Serve until the parent closes standard input."""
    config = ServerConfig.model_validate_json(sys.stdin.buffer.readline())
    server = uvicorn.Server(
        uvicorn.Config(
            Simulator(config).app(),
            fd=config.socket_fd,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )

    def watch_parent() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        server.should_exit = True

    threading.Thread(target=watch_parent, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()
