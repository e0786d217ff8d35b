"""One request and its answer over kept-alive connections. Knows no API and tries nothing twice.

What a server answers is returned as it came, refusals and redirections too. Certificates are
checked against certifi's authorities; nothing is taken from the environment, proxies neither.
Safe for several threads.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import certifi
import urllib3
from urllib3.exceptions import HTTPError, LocationValueError

# More requests at once than this still work, on connections that are not kept.
_KEPT = 64

_ONCE = urllib3.Retry(False)

_HEADERS = {"Accept-Encoding": "gzip, deflate", "User-Agent": "paygo-warehouse"}


@dataclass(frozen=True)
class Answer:
    """Status, headers (looked up in any case) and decoded body of an answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=urllib3.HTTPHeaderDict)


class Unanswered(Exception):
    """The connection failed, or ended before the whole answer was there."""


class Wire(Protocol):
    """Sends a request to one server; `target` is path and query."""

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Return what the server answers; Unanswered when it does not."""
        ...

    def close(self) -> None:
        """Close every connection that is not in use."""
        ...


class Connections:
    """A `Wire` over sockets. `timeout` (seconds) is of connecting and of each wait for bytes.

    Errors: ValueError when the address is none.
    """

    def __init__(self, base_url: str, timeout: float = 60.0) -> None:
        url = urllib3.util.parse_url(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise LocationValueError(f"{base_url!r} is no http or https address")
        more: dict[str, Any] = {"timeout": timeout, "maxsize": _KEPT}
        self._pool: urllib3.HTTPConnectionPool
        if url.scheme == "http":
            self._pool = urllib3.HTTPConnectionPool(url.host, url.port, **more)
        else:
            # Loading the certificate store takes longer than a small increment.
            more["ssl_context"] = ssl.create_default_context(cafile=certifi.where())
            self._pool = urllib3.HTTPSConnectionPool(url.host, url.port, **more)

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        try:
            found = self._pool.urlopen(
                method, target, body, {**_HEADERS, **headers}, _ONCE, redirect=False
            )
        except HTTPError as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error
        return Answer(found.status, found.data, found.headers)

    def close(self) -> None:
        self._pool.close()
