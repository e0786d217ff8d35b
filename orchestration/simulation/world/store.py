"""Tables in memory and the changesets written from them. Knows nothing of billing.

Rows that may still change live in `tables`; rows that never change again are
serialised at once (`append`), which keeps a large world small in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from orchestration.sources.contract import CONTRACT

Row = dict[str, Any]

KEYS: dict[str, str] = {
    t.stream: (t.primary_key if t.source in ("engine", "billing", "core") else "id")
    for t in CONTRACT
    if t.source in ("engine", "billing", "core", "stripe", "jira")
}


class Store:
    """Every table of every simulated source, with what changed since the last boundary."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in KEYS}
        self._changed: dict[str, dict[str, None]] = {name: {} for name in KEYS}
        self._appended: dict[str, list[bytes]] = {name: [] for name in KEYS}
        self._late: dict[str, list[Row]] = {name: [] for name in KEYS}
        self._held: dict[str, dict[str, None]] = {name: {} for name in KEYS}
        self._written: dict[str, set[str]] = {name: set() for name in KEYS}

    def put(self, table: str, row: Row) -> Row:
        """Insert or replace a row that may change later."""
        key = row[KEYS[table]]
        self.tables[table][key] = row
        self._changed[table][key] = None
        return row

    def changed(self, table: str, row: Row) -> None:
        """Note that `row` was modified in place."""
        self._changed[table][row[KEYS[table]]] = None

    def is_changed(self, table: str, key: str) -> bool:
        """True when the row waits for the next changeset."""
        return key in self._changed[table]

    def delete(self, table: str, key: str) -> None:
        """Hard delete."""
        del self.tables[table][key]
        self._changed[table][key] = None

    def append(self, table: str, row: Row) -> None:
        """Insert a row that never changes again."""
        self._appended[table].append(_line(row))

    def append_late(self, table: str, row: Row) -> None:
        """Insert a row whose transaction commits only after the next boundary."""
        self._late[table].append(row)

    def hold(self, table: str, key: str) -> None:
        """The pending change of this row commits only after the next boundary."""
        self._held[table][key] = None

    def flush(self, folder: Path) -> int:
        """Write what changed since the last call, a file a table; returns the lines."""
        folder.mkdir(parents=True)
        total = 0
        for table in KEYS:
            lines = self._drain(table)
            if lines:
                (folder / f"{table}.jsonl").write_bytes(b"".join(lines))
                total += len(lines)
        return total

    def _drain(self, table: str) -> list[bytes]:
        rows, written, held = self.tables[table], self._written[table], self._held[table]
        lines: list[bytes] = []
        for key in self._changed[table]:
            row = rows.get(key)
            if key in held:
                continue
            if row is not None:
                lines.append(_line(row))
                written.add(key)
            elif key in written:
                lines.append(orjson.dumps({"op": "delete", "key": key}) + b"\n")
                written.discard(key)
        lines.extend(self._appended[table])
        self._changed[table] = held
        self._held[table] = {}
        self._appended[table] = [_line(row) for row in self._late[table]]
        self._late[table] = []
        return lines

    def rows(self, table: str) -> Iterable[Row]:
        """Current rows of a table, in order of insertion."""
        return self.tables[table].values()


def _line(row: Row) -> bytes:
    return b'{"op":"upsert","row":' + orjson.dumps(row) + b"}\n"
