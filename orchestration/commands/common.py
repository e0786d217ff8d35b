"""What every verb needs: settings with readable errors, the published warehouse, JSON output.

Does not belong here: a verb, a query, a rendering.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.warehouse.base import Warehouse

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def fail(message: str) -> NoReturn:
    """Print one message on stderr and exit with 1."""
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)


def load_settings() -> Settings:
    """Read the settings; a value that cannot be read becomes one message naming the variable."""
    from pydantic import ValidationError

    from orchestration.errors import PermanentFailure
    from orchestration.settings import Settings

    try:
        settings = Settings.load()
        settings.clock()
    except ValidationError as error:
        found = "; ".join(f"PAYGO_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}"
                          for e in error.errors())  # fmt: skip
        raise PermanentFailure(
            f"the settings cannot be read: {found}.", todo="correct the variable or .env."
        ) from error
    except ValueError as error:
        raise PermanentFailure(f"PAYGO_NOW cannot be read: {error}.") from error
    return settings


@contextmanager
def published(settings: Settings) -> Iterator[Warehouse]:
    """Open the last published warehouse read-only."""
    from orchestration.warehouse import open_warehouse

    with open_warehouse(settings, "read") as warehouse:
        yield warehouse


def emit(document: Any) -> None:
    """Write one JSON document to stdout."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))
