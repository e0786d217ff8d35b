"""Requests over real sockets on loopback: what comes back, what is lost, what is trusted."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestration.sources.wire import Connections, Unanswered

OK = b"HTTP/1.1 200 OK\r\nX-Said: yes\r\nContent-Length: 2\r\n\r\n{}"

Wrap = Callable[[socket.socket], socket.socket]


class Server:
    """Answers each request on a connection with the next of these bytes; then it hangs up."""

    def __init__(self, *answers: bytes, closes: bool = False, wrap: Wrap | None = None) -> None:
        self._answers = iter(answers)
        self._closes = closes
        self._wrap = wrap
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self.has_hung_up = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self.connections += 1
                with suppress(OSError), plain:
                    self._talk(self._wrap(plain) if self._wrap else plain)
                self.has_hung_up.set()

    def _talk(self, connection: socket.socket) -> None:
        while received := connection.recv(65536):
            self.requests.append(received)
            answer = next(self._answers, None)
            if answer is None:
                return
            connection.sendall(answer)
            if self._closes:
                return

    def close(self) -> None:
        self._listener.close()


@contextmanager
def served(*answers: bytes, closes: bool = False) -> Iterator[tuple[Server, Connections]]:
    server = Server(*answers, closes=closes)
    wire = Connections(f"http://127.0.0.1:{server.port}/ignored", timeout=5)
    try:
        yield server, wire
    finally:
        wire.close()
        server.close()


def test_a_request_and_its_answer() -> None:
    with served(OK, OK) as (server, wire):
        answer = wire.send("GET", "/a?b=%5B1%5D", {"Authorization": "Bearer k"})
        assert (answer.status, answer.body, answer.headers["x-said"]) == (200, b"{}", "yes")
        assert wire.send("POST", "/y", {}, b'{"a":1}').status == 200
        # Head and body may come apart.
        first, *rest = server.requests
        assert first.startswith(b"GET /a?b=%5B1%5D HTTP/1.1\r\n")
        assert b"Authorization: Bearer k\r\n" in first
        assert b"".join(rest).startswith(b"POST /y HTTP/1.1\r\n")
        assert server.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    with served(OK, OK, closes=True) as (server, wire):
        assert wire.send("GET", "/", {}).status == 200
        # A request that crosses the hanging up is lost: asking again is the caller's part.
        assert server.has_hung_up.wait(5)
        assert wire.send("GET", "/", {}).status == 200
        assert server.connections == 2


def test_a_compressed_answer_is_read() -> None:
    body = gzip.compress(b'{"a": 1}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with served(head + body) as (server, wire):
        assert wire.send("GET", "/", {}).body == b'{"a": 1}'
        assert b"Accept-Encoding: gzip" in server.requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"nonsense\r\n\r\n",
    ],
    ids=["nothing", "cut", "not what it says", "no HTTP"],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with served(answer, closes=True) as (server, wire):
        with pytest.raises(Unanswered):
            wire.send("GET", "/", {})
        assert len(server.requests) == 1


def test_nobody_listening_is_no_answer() -> None:
    with pytest.raises(Unanswered, match=r"127\.0\.0\.1"):
        Connections(f"http://127.0.0.1:{_free_port()}", timeout=5).send("GET", "/", {})


@pytest.mark.parametrize("status", [b"302 Found", b"307 Temporary", b"429 Slow", b"503 Down"])
def test_neither_redirections_nor_refusals_are_followed(status: bytes) -> None:
    head = b"HTTP/1.1 %s\r\nLocation: /b\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n" % status
    with served(head, OK) as (server, wire):
        assert wire.send("GET", "/a", {"Authorization": "k"}).status == int(status[:3])
        assert len(server.requests) == 1


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{_free_port()}")
    with served(OK) as (_, wire):
        assert wire.send("GET", "/", {}).status == 200


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    server = Server(OK, wrap=lambda plain: context.wrap_socket(plain, server_side=True))
    try:
        with pytest.raises(Unanswered, match="CERTIFICATE_VERIFY_FAILED"):
            Connections(f"https://127.0.0.1:{server.port}", timeout=5).send("GET", "/", {})
        assert server.requests == []
    finally:
        server.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _self_signed(folder: Path) -> Path:
    """Write key and certificate of a server that no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
