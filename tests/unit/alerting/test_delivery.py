"""A delivery that fails is visible, and no secret of a URL is."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from orchestration.alerting.delivery import deliver


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if "ok" in self.path else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def test_a_message_arrives(receiver: tuple[str, list[bytes]]) -> None:
    address, received = receiver
    (outcome,) = deliver(f"json://{address}/ok", "Late", "stripe is late")
    assert (outcome.channel, outcome.delivered) == ("json", True)
    assert b"stripe is late" in received[0]


def test_one_channel_that_refuses_does_not_hide_the_other(
    receiver: tuple[str, list[bytes]],
) -> None:
    address, _ = receiver
    urls = f"json://user:secret@{address}/no json://{address}/ok"
    refused, arrived = deliver(urls, "Late", "stripe is late")
    assert not refused.delivered
    assert "secret" not in refused.message + refused.channel
    assert arrived.delivered


def test_an_unknown_kind_of_url_is_told() -> None:
    (outcome,) = deliver("carrier-pigeon://roof", "Late", "stripe is late")
    assert not outcome.delivered
    assert "PAYGO_ALERT_URLS" in outcome.message


def test_no_url_delivers_nothing() -> None:
    assert deliver("  ", "Late", "text") == []
