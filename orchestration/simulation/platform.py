"""The simulated billing platform as one thing: start it, move its clock, break it, close it.

Composes the PostgreSQL server, its databases and the process of the HTTP APIs. Extraction
knows none of this: it is handed `PlatformEndpoints.environment()` and speaks to real servers.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import urllib3

from orchestration.clock import iso
from orchestration.closing import Closing
from orchestration.errors import PermanentFailure
from orchestration.loopback import LOOPBACK
from orchestration.simulation.changes import World
from orchestration.simulation.faults import FaultRule, Switches
from orchestration.simulation.http_server import ServerConfig
from orchestration.simulation.postgres import SimulatedPostgres
from orchestration.simulation.postgres_load import DATABASES, PlatformDatabases

_EMAIL = "extraction@example.com"


@dataclass(frozen=True)
class PlatformEndpoints:
    """Where the sources are and how to sign in; valid while the platform runs."""

    stripe_api_base: str
    stripe_api_key: str
    engine_dsn: str
    billing_dsn: str
    core_dsn: str
    jira_base_url: str
    jira_email: str
    jira_api_token: str

    def environment(self) -> dict[str, str]:
        """The endpoints as the `PAYGO_*` variables that the settings read."""
        return {f"PAYGO_{name.upper()}": value for name, value in vars(self).items()}


class SimulatedPlatform(Closing):
    """PostgreSQL, Stripe and Jira over one generated world.

    `world_dir` is what `paygo world` wrote; servers keep their data under `home`. Before
    the first `advance` nothing has been applied. PostgreSQL keeps its data between runs and
    is only brought forward; the HTTP servers read the change folders again.
    """

    def __init__(
        self, world_dir: Path, home: Path, *, port: int = 0, switches: Switches | None = None
    ) -> None:
        self._world_dir = world_dir.resolve()
        self._home = home.resolve()
        self._port = port
        self._switches = switches or Switches()
        self._process: subprocess.Popen[bytes] | None = None
        self._control = urllib3.PoolManager(timeout=120.0, retries=False)
        self._postgres = SimulatedPostgres(self._home / "postgres")
        self._endpoints: PlatformEndpoints | None = None
        self._now: datetime | None = None

    def __enter__(self) -> SimulatedPlatform:
        self.start()
        return self

    @property
    def endpoints(self) -> PlatformEndpoints:
        """Where the servers are; RuntimeError before `start`."""
        if self._endpoints is None:
            raise RuntimeError("the simulated platform has not been started")
        return self._endpoints

    @property
    def postgres(self) -> SimulatedPostgres:
        """The PostgreSQL server, for tests that write to it as the platform would."""
        return self._postgres

    def start(self) -> PlatformEndpoints:
        """Start all servers; PermanentFailure names what is in the way and what to do."""
        self._world = World.open(self._world_dir)
        _require_writable(self._home)
        try:
            self._start_http()
            self._postgres.start()
            for database in DATABASES.values():
                self._postgres.ensure_database(database)
        except BaseException:
            self.close()
            raise
        base = f"http://{LOOPBACK}:{self._port}"
        dsn = self._postgres.reader_dsn
        self._endpoints = PlatformEndpoints(
            stripe_api_base=base,
            stripe_api_key=self._config.stripe_api_key,
            engine_dsn=dsn(DATABASES["engine"]),
            billing_dsn=dsn(DATABASES["billing"]),
            core_dsn=dsn(DATABASES["core"]),
            jira_base_url=base,
            jira_email=_EMAIL,
            jira_api_token=self._config.jira_api_token,
        )
        return self._endpoints

    def environment(self) -> dict[str, str]:
        """The endpoints as `PAYGO_*` variables."""
        return self.endpoints.environment()

    def advance(self, to: datetime) -> None:
        """Apply every change up to `to` (aware) in every server and set the simulated clock.

        The first call may jump to any moment; from then on time goes forward only
        (PermanentFailure), because the HTTP servers keep no past.
        """
        if self._now is not None and to < self._now:
            raise PermanentFailure(
                f"The simulated clock stands at {iso(self._now)} and cannot go back to {iso(to)}.",
                todo="close the platform and start it again.",
            )
        due = self._world.folders_until(to)
        databases = PlatformDatabases(self._postgres, self._world.fingerprint)
        with ThreadPoolExecutor(1) as background:
            http = background.submit(self._command, "advance", {"to": iso(to)})
            databases.apply(due)
            http.result()
        self._now = to

    def fault(self, kind: str, service: str, **options: Any) -> None:
        """Let the next requests go wrong; see `FaultRule` for the kinds and options."""
        rule = FaultRule.model_validate({"kind": kind, "service": service, **options})
        self._command("faults", {"rules": [rule.model_dump()]})

    def switch(self, **switches: Any) -> None:
        """Change lasting states; see `Switches`."""
        self._command("faults", {"switches": switches})

    def heal(self) -> None:
        """Take back every fault: no rule, switches as at the start."""
        self._command("faults", {"reset": True})

    def load_issues(self, issues: Iterable[Mapping[str, Any]]) -> int:
        """Put issues into Jira beside those of the world (rows as in a change folder)."""
        return int(self._command("issues", {"issues": list(issues)})["loaded"])

    def take_requests(self) -> dict[str, int]:
        """Requests served since the last call, by "<service> <path>"."""
        return self._command("requests", {})

    def holdings(self) -> dict[str, Any]:
        """The simulated time and the number of rows that the HTTP servers hold."""
        return self._command("health", {})

    def close(self) -> None:
        """Stop every server; harmless when they do not run."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._control.clear()
        self._postgres.stop()

    def _start_http(self) -> None:
        """Bind the port here, so that one in use is refused before anything has started."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted connections inherit it; without, every answer waits 40 ms for an ACK.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                listener.bind((LOOPBACK, self._port))
            except OSError as error:
                raise PermanentFailure(
                    f"Port {self._port} of {LOOPBACK} cannot be used: {error.strerror}.",
                    tried="start the simulated Stripe and Jira",
                    todo="stop the process that uses the port, or choose another one.",
                ) from None
            listener.listen(128)
            self._port = listener.getsockname()[1]
            revoked = self._switches.stripe_key_revoked_at or self._world.stripe_key_revoked_at
            self._config = ServerConfig(
                world_dir=self._world_dir,
                socket_fd=listener.fileno(),
                stripe_api_key="rk_test_" + secrets.token_hex(12),
                jira_email=_EMAIL,
                jira_api_token=secrets.token_urlsafe(18),
                control_token=secrets.token_urlsafe(18),
                switches=self._switches.model_copy(update={"stripe_key_revoked_at": revoked}),
            )
            self._process = subprocess.Popen(
                [sys.executable, "-m", "orchestration.simulation.http_server"],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                cwd=Path(__file__).resolve().parents[2],
            )
        assert self._process.stdin is not None
        self._process.stdin.write(self._config.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()

    def _command(self, command: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self._process is None:
            raise RuntimeError("the simulated platform has not been started")
        url = f"http://{LOOPBACK}:{self._port}/_simulator/{command}"
        headers = {"x-simulator-token": self._config.control_token}
        try:
            answer = self._control.request("POST", url, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise PermanentFailure(
                f"The simulated Stripe and Jira do not answer: {error!r}.",
                tried=f"send them the command {command!r}",
                todo="see their messages above; start the command again.",
            ) from error
        document: dict[str, Any] = answer.json()
        if answer.status != 200:
            raise PermanentFailure(
                str(document.get("error")),
                tried=document.get("tried", ""),
                todo=document.get("todo", ""),
            )
        return document


def _require_writable(home: Path) -> None:
    probe = home / ".writable"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise PermanentFailure(
            f"The folder {home} cannot be written: {error.strerror}.",
            tried="start the simulated platform",
            todo="make it writable, free disk space, or choose another with PAYGO_HOME.",
        ) from None
