"""What readers see: the finished working copy, and what was noted while its models are half built.

dbt replaces one model after the other in the working copy. The marker beside it stands from before
the first until after the last, and outlives a process that was killed in between: while it stands,
the copy is not published. What people and alerts write between runs (`ops.BETWEEN_RUNS`) reaches
readers all the same, beside the models of the last finished build.

On BigQuery readers see every model as it is replaced; there the marker only says that some may be.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse.ops import BETWEEN_RUNS


def marker_of(working: Path) -> Path:
    """Return the file that stands while the models of a working copy are not all built."""
    return working.with_name(f"{working.name}.unfinished")


def build_marker(settings: Settings) -> Path:
    """Return the marker of the configured warehouse."""
    return marker_of(settings.home / "run" / f"warehouse.{settings.target}")


@contextmanager
def building(settings: Settings, *, is_whole: bool) -> Iterator[None]:
    """Let the marker stand until the block has ended well.

    A build of some models (`is_whole` false) does not finish an earlier one of all.
    """
    marker = build_marker(settings)
    stood = marker.exists()
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    yield
    if is_whole or not stood:
        marker.unlink()


def refuse_unfinished(marker: Path, doing: str) -> None:
    """Raise PermanentFailure while the marker stands."""
    if marker.exists():
        raise PermanentFailure(
            "the last build of the models did not finish: some are new, some are old.",
            tried=f"{doing}; readers keep the last finished state",
            todo="`paygo run` builds all of them; then repeat this.",
        )


def publish_file(working: Path, published: Path) -> None:
    """Copy beside the published file and rename over it: readers see old or new, never half."""
    with _beside(published) as temporary:
        shutil.copyfile(working, temporary)
        temporary.replace(published)


def publish_notes(execute: Callable[[str], object], published: Path) -> None:
    """Publish the tables that are written between runs alone; `execute` speaks to the copy."""
    with _beside(published) as temporary:
        shutil.copyfile(published, temporary)
        place = str(temporary).replace("'", "''")
        execute(f"attach '{place}' as noted")
        try:
            for table in BETWEEN_RUNS:
                execute(f"create or replace table noted.ops.{table} as from ops.{table}")
        finally:
            execute("detach noted")
        temporary.replace(published)


@contextmanager
def _beside(published: Path) -> Iterator[Path]:
    """Yield a name beside the published file; what still stands under it afterwards goes."""
    temporary = published.with_name(f".{published.name}.{os.getpid()}.tmp")
    try:
        yield temporary
    finally:
        for left in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            left.unlink(missing_ok=True)
