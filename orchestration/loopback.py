"""The address that only this machine reaches, and whether a port of it is free. No server here."""

from __future__ import annotations

import socket

from orchestration.errors import PermanentFailure

LOOPBACK = "127.0.0.1"


def require_free_port(port: int) -> None:
    """Raise PermanentFailure when something listens on the loopback port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PermanentFailure(
                f"port {port} is in use.",
                tried=f"binding {LOOPBACK}:{port}",
                todo="choose another one with --port, or stop what uses it.",
            ) from error
