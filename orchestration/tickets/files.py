"""Reads files of tickets (JSON lines); a bad line is an error that names row and field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.errors import PermanentFailure
from orchestration.tickets.rulebook import CATEGORIES


@dataclass(frozen=True)
class Ticket:
    """What is read of a ticket; `category` and `is_blocked` only when the file is labelled."""

    key: str
    summary: str
    description: str
    category: str | None = None
    is_blocked: bool | None = None


def read_tickets(path: Path) -> list[Ticket]:
    """Return the tickets of a JSON-lines file in order.

    Fields: `key` and `summary` (text), `description` (text or null). Raises
    PermanentFailure naming file, row and field; nothing is returned in part.
    """
    return [_ticket(path, row, entry, labelled=False) for row, entry in _rows(path)]


def read_labelled(path: Path) -> list[Ticket]:
    """Return labelled tickets: `category` and `engineering_blocked` are required too."""
    return [_ticket(path, row, entry, labelled=True) for row, entry in _rows(path)]


def _rows(path: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as problem:
        raise PermanentFailure(
            f"There is no file {path}.", todo="Name a JSON-lines file of tickets."
        ) from problem
    except (OSError, UnicodeDecodeError) as problem:
        raise PermanentFailure(
            f"{path} cannot be read: {problem}.", todo="Save it as UTF-8 text that may be read."
        ) from problem
    rows: list[tuple[int, dict[str, Any]]] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        entry = _parse(path, number, line)
        key = entry.get("key")
        if isinstance(key, str) and key in seen:
            raise _bad(path, number, "key", f"{key!r} stands in row {seen[key]} already")
        seen[str(key)] = number
        rows.append((number, entry))
    if not rows:
        raise PermanentFailure(f"{path} holds no ticket.", todo="Give one JSON object a line.")
    return rows


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise _bad(path, number, "(the line)", f"is not JSON: {problem}") from problem
    if not isinstance(entry, dict):
        raise _bad(path, number, "(the line)", "is not a JSON object")
    return entry


def _ticket(path: Path, row: int, entry: dict[str, Any], *, labelled: bool) -> Ticket:
    key = _text(path, row, entry, "key")
    if not key.strip():
        raise _bad(path, row, "key", "is empty")
    category = blocked = None
    if labelled:
        category = _text(path, row, entry, "category")
        blocked = entry.get("engineering_blocked")
        if category not in CATEGORIES:
            raise _bad(path, row, "category", f"{category!r} is none of {', '.join(CATEGORIES)}")
        if not isinstance(blocked, bool):
            raise _bad(path, row, "engineering_blocked", "must be true or false")
    summary = _text(path, row, entry, "summary")
    description = "" if entry.get("description", 0) is None else None
    if description is None:
        description = _text(path, row, entry, "description")
    return Ticket(key, summary, description, category, blocked)


def _text(path: Path, row: int, entry: dict[str, Any], name: str) -> str:
    if name not in entry:
        raise _bad(path, row, name, "is missing")
    value = entry[name]
    if not isinstance(value, str):
        raise _bad(path, row, name, f"must be text, not {type(value).__name__}")
    return value


def _bad(path: Path, row: int, name: str, what: str) -> PermanentFailure:
    return PermanentFailure(
        f"{path}, row {row}, field {name}: {what}.",
        tried="read a file of tickets",
        todo="Correct the line; nothing of the file was used.",
    )
