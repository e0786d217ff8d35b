"""Real receivers on loopback: a webhook that answers as its path says, an SMTP server."""

from __future__ import annotations

import asyncore
import http.server
import json
import smtpd
import threading
from typing import Any


class Webhook:
    """Counts what is posted to it. Path `/ok` accepts, `/500` refuses, `/slow` never answers,
    `/second` refuses the first try and accepts the second."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.tries: list[str] = []
        self._release = threading.Event()
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                name = self.path.strip("/")
                webhook.tries.append(name)
                if name == "slow":
                    webhook._release.wait(30)
                    return
                accepts = name == "ok" or (name == "second" and webhook.tries.count(name) > 1)
                if accepts:
                    webhook.messages.append(json.loads(body))
                self.send_response(200 if accepts else 500)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str, secret: str = "") -> str:
        """Return apprise's URL of a path; time-outs of a second."""
        login = f"user:{secret}@" if secret else ""
        return f"json://{login}127.0.0.1:{self._server.server_port}/{path}?cto=1&rto=1"

    def close(self) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()


class Mailbox:
    """An SMTP server that keeps what it gets; `refusing` makes it answer 451."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refusing = False
        mailbox = self

        class Server(smtpd.SMTPServer):
            def process_message(
                self, peer: Any, mailfrom: Any, rcpttos: Any, data: Any, **_: Any
            ) -> str | None:  # type: ignore[override]
                if mailbox.refusing:
                    return "451 try again later"
                mailbox.mails.append(data.decode())
                return None

        self._map: dict[int, Any] = {}
        self._server = Server(("127.0.0.1", 0), None, map=self._map)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(
            target=asyncore.loop, kwargs={"timeout": 0.05, "map": self._map}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Return apprise's URL of the mailbox."""
        return (
            f"mailto://127.0.0.1:{self.port}?from=alerts@example.com&to=team@example.com"
            "&smtp=127.0.0.1&mode=insecure"
        )

    def close(self) -> None:
        for channel in list(self._map.values()):
            channel.close()
        self._thread.join(5)
