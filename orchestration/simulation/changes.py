"""Change folders of a simulated world: finding them and reading them, with errors that point.

A world is a directory with `world.json` and `changes/<nnn>-<boundary>/<source>.<table>.jsonl`.
The first folder holds the full state at its boundary; each later one what changed up to its
own boundary. How a server applies a change is the server's business and not decided here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from orchestration.clock import parse_utc
from orchestration.errors import ContractViolation, PermanentFailure

_FOLDER = re.compile(r"^(\d{3,})-(\d{8}T\d{6}Z)$")
_REBUILD = "generate the world again with `paygo world`."


class Change(NamedTuple):
    """One line of a change file: `row` for an upsert, `key` for a delete (the other is None)."""

    line: int
    row: dict[str, Any] | None
    key: str | None


@dataclass(frozen=True)
class ChangeFolder:
    """What every table of the platform went through up to `boundary` (aware UTC)."""

    index: int
    boundary: datetime
    path: Path

    def file(self, source: str, table: str) -> Path:
        """Path of a table's changes; the file does not exist when nothing changed."""
        return self.path / f"{source}.{table}.jsonl"


@dataclass(frozen=True)
class World:
    """A generated world on disk: its folders in order and the facts the servers need."""

    path: Path
    fingerprint: str
    folders: tuple[ChangeFolder, ...]
    stripe_key_revoked_at: datetime | None

    @classmethod
    def open(cls, path: Path) -> World:
        """Read `world.json` and list the folders; PermanentFailure names what is missing."""
        document = _world_json(path / "world.json")
        revoked = document.get("stripe_key_revoked_at")
        return cls(
            path=path,
            fingerprint=_fingerprint(path),
            folders=_folders(path / "changes"),
            stripe_key_revoked_at=parse_utc(revoked) if revoked else None,
        )

    def folders_until(self, moment: datetime) -> tuple[ChangeFolder, ...]:
        """Folders whose boundary is not after `moment`, oldest first."""
        return tuple(f for f in self.folders if f.boundary <= moment)


def _fingerprint(path: Path) -> str:
    """Tells one generation of a world from another: what is in it, and its files as they lie."""
    digest = hashlib.sha256((path / "world.json").read_bytes())
    for file in sorted((path / "changes").glob("*/*.jsonl")):
        stat = file.stat()
        digest.update(f"{file.relative_to(path)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _world_json(path: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(path.read_bytes())
    except OSError as error:
        raise PermanentFailure(f"{path} cannot be read: {error.strerror}.", todo=_REBUILD) from None
    except orjson.JSONDecodeError as error:
        raise PermanentFailure(f"{path} is no JSON document: {error}.", todo=_REBUILD) from None
    if not isinstance(document, dict):
        raise PermanentFailure(f"{path} must hold one JSON object.", todo=_REBUILD)
    return document


def _folders(path: Path) -> tuple[ChangeFolder, ...]:
    names = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
    folders: list[ChangeFolder] = []
    for index, folder in enumerate(names):
        match = _FOLDER.match(folder.name)
        if match is None or int(match[1]) != index:
            raise PermanentFailure(
                f"{folder} is not change folder number {index:03d} "
                "(expected a name such as 000-20260222T000000Z, without gaps).",
                todo=_REBUILD,
            )
        boundary = datetime.strptime(match[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if folders and boundary <= folders[-1].boundary:
            raise PermanentFailure(f"{folder} is not later than the folder before.", todo=_REBUILD)
        folders.append(ChangeFolder(index, boundary, folder))
    if not folders:
        raise PermanentFailure(f"{path} holds no change folder.", todo=_REBUILD)
    return tuple(folders)


def read_changes(path: Path) -> Iterator[Change]:
    """Yield the changes of one file in order; nothing when the file does not exist.

    Raises ContractViolation naming file and line for a line that is neither
    `{"op":"upsert","row":{…}}` nor `{"op":"delete","key":"…"}`.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                change = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise bad_line(path, number, f"no JSON: {error}") from None
            op = change.get("op") if isinstance(change, dict) else None
            if op == "upsert" and isinstance(change.get("row"), dict):
                yield Change(number, change["row"], None)
            elif op == "delete" and isinstance(change.get("key"), str):
                yield Change(number, None, change["key"])
            else:
                raise bad_line(path, number, "neither an upsert with a row nor a delete with a key")


def bad_line(path: Path, line: int, problem: str) -> ContractViolation:
    """Return the failure for one line of a change file."""
    return bad_row(path, f"line {line}: {problem}")


def bad_row(path: Path, problem: str) -> ContractViolation:
    """Return the failure for a row of a change file whose line is not known."""
    return ContractViolation(
        f"{path.parent.name}/{path.name}, {problem}.",
        tried="apply a change of the simulated world",
        todo=_REBUILD,
    )
