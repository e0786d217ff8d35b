"""Serves the generated pages on loopback, for looking at them. No page is built here."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import typer

from orchestration.errors import PermanentFailure
from orchestration.loopback import LOOPBACK


def serve_folder(folder: Path, port: int) -> None:
    """Serve the folder until interrupted; PermanentFailure when the port is in use."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise PermanentFailure(
            f"port {port} is in use.", todo="choose another one with --port, or stop what uses it."
        ) from error
    with server:
        typer.echo(f"http://{LOOPBACK}:{server.server_port}/", err=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
