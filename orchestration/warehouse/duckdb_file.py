"""The file under the embedded engine: who holds it open, and what its failures mean."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from orchestration.errors import PaygoError, PermanentFailure, TransientFailure


def translated(error: Exception, path: Path) -> PaygoError:
    """Turn an engine's or the system's error into one that says what to do."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    if "No space left" in text or number == errno.ENOSPC:
        return PermanentFailure(
            f"the disk that holds {path.parent} is full; nothing was changed",
            tried=f"writing {path.name}",
            todo="free some space (or point PAYGO_HOME to another disk) and run again",
        )
    if "lock" in text.lower():
        return TransientFailure(
            f"another run holds the warehouse {path}",
            tried="opening it for writing; one process writes at a time",
            todo="wait until that run has ended, then run again",
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS) or "ermission denied" in text:
        return PermanentFailure(
            f"{path.parent} cannot be written",
            tried=f"opening {path.name}",
            todo="give this user write permission there, or set PAYGO_HOME to another folder",
        )
    return PermanentFailure(f"the warehouse {path} failed: {text}")


def open_files(path: Path) -> Iterator[int]:
    """Yield the numbers under which this process holds a file open (Linux)."""
    opened = Path("/proc/self/fd")
    wanted = path.resolve()
    for link in opened.iterdir() if opened.is_dir() else ():
        with contextlib.suppress(OSError):
            if link.readlink() == wanted:
                yield int(link.name)
