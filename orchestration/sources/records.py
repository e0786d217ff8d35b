"""JSON objects of an API become typed, redacted Arrow rows. Reads no source.

A column's `path` says where it stands. Every check of the contract happens here: a
value of another type, a required value that is missing, a column that no object of the
batch has. Values of the right type that cannot be stored leave a `Misfit` and are
treated by the rules of `misfits`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Literal

import orjson
import pyarrow as pa

from orchestration.errors import ContractViolation
from orchestration.sources.arrow import ARROW_TYPES, landed_schema
from orchestration.sources.contract import Column, RawTable
from orchestration.sources.misfits import WITHHELD, Misfit
from orchestration.sources.redact import (
    hasher,
    mask_emails,
    may_hold_personal_data,
    redact_strings,
    redacted_column,
)
from orchestration.sources.values import CONVERTERS, MILLISECONDS

ContractMode = Literal["enforce", "report"]

_ABSENT = object()
_UNDER_NULL = object()

# Arrow's own pool gives small arrays back to the system and has new pages cleared for the next.
_POOL = pa.system_memory_pool()

# Behind an odd backslash only: an escaped one before it belongs to the text.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True)
class Records:
    """One batch: rows of the landed columns, and the values that did not fit."""

    data: pa.RecordBatch
    misfits: list[Misfit] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


Body = dict[str, Any]
Getter = Callable[[Body], Any]


class _Page:
    """Objects of one page, taken apart by dotted paths; what paths share is looked at once."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.bodies = bodies
        self._holders: dict[str, list[Any]] = {}

    def values(self, path: str) -> list[Any]:
        """Return what stands at a path in each object; below a part that is null, None.

        `_ABSENT`: not there. All are when no object has it, null parts or not.
        """
        found = self._found(path)
        if "." not in path or _UNDER_NULL not in found:
            return found
        if _ABSENT in found and all(v is _ABSENT or v is _UNDER_NULL for v in found):
            return [_ABSENT] * len(found)
        return [None if v is _UNDER_NULL else v for v in found]

    def _found(self, path: str) -> list[Any]:
        holder, _, name = path.rpartition(".")
        holders = self._at(holder) if holder else self.bodies
        try:
            return list(map(itemgetter(name), holders))
        except (KeyError, TypeError):
            return [_below(h, name) for h in holders]

    def has_place_for(self, path: str) -> bool:
        """Say whether any object has the part in which the last one of the path would stand."""
        holder = path.rpartition(".")[0]
        return not holder or any(v is not _ABSENT for v in self._at(holder))

    def remove(self, path: str) -> None:
        """Take what stands at a path out of each object."""
        holder, _, name = path.rpartition(".")
        for part in self._at(holder) if holder else self.bodies:
            if type(part) is dict:
                part.pop(name, None)

    def _at(self, path: str) -> list[Any]:
        if path not in self._holders:
            self._holders[path] = self._found(path)
        return self._holders[path]


def _below(holder: Any, name: str) -> Any:
    if type(holder) is dict:
        return holder.get(name, _ABSENT)
    return _UNDER_NULL if holder is None or holder is _UNDER_NULL else _ABSENT


def _tree(paths: Iterable[str]) -> Body:
    """Return dotted paths as objects in objects; a path ends in an empty one."""
    tree: Body = {}
    for path in paths:
        branch = tree
        for part in path.split("."):
            branch = branch.setdefault(part, {})
    return tree


def _only(value: Any, tree: Body) -> Any:
    """Return of a JSON value what the tree names; None where it names parts of no object."""
    if not tree or value is None:
        return value
    if type(value) is not dict:
        return None
    return {name: _only(value[name], part) for name, part in tree.items() if name in value}


def _sorted_json(body: Body) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _masked(body: Body, text: bytes) -> bytes:
    return _sorted_json(redact_strings(body)) if may_hold_personal_data(text) else text


def _mask_part(bodies: Sequence[Body], name: str) -> bool:
    """Mask the texts of a part of each object, in place; say whether there may have been any."""
    with_part = [body for body in bodies if body.get(name)]
    if not may_hold_personal_data(orjson.dumps([body[name] for body in with_part])):
        return False
    for body in with_part:
        body[name] = redact_strings(body[name])
    return True


def _without_emails(text: bytes) -> bytes:
    # In the decoded texts: behind a backslash stands the letter of an escape, no local part.
    return _sorted_json(mask_emails(orjson.loads(text)))


def _without_nul(text: bytes) -> bytes:
    return _NUL.sub(rb"\1", text)


class RecordBuilder:
    """Builds batches of one stream.

    `free_text` names the top-level part that people typed and that is masked by pattern in the
    payload; an empty text: the whole object. `milliseconds` names columns of times that are
    counted so. `conditional` names the parts, by dotted path, that an object need not have
    (metadata, the details of one payment method type). `computed` gives columns that are no plain
    path.
    In `report` mode violations are collected and the value becomes NULL; rows without
    their key are left out.
    """

    def __init__(
        self,
        table: RawTable,
        hash_key: bytes,
        *,
        conditional: Iterable[str] = (),
        computed: dict[str, Getter] | None = None,
        milliseconds: Iterable[str] = (),
        free_text: str | None = None,
        mode: ContractMode = "enforce",
    ) -> None:
        self.table = table
        self._mode = mode
        self._conditional = frozenset(conditional)
        self._hash = hasher(hash_key)
        self._free_text = free_text
        self._computed = computed or {}
        self._milliseconds = frozenset(milliseconds)
        self._schema = landed_schema(table)
        self._kept = _tree(table.kept_paths)
        self._key = next(c for c in table.landed_columns if c.name == table.primary_key)
        self.fields: set[str] = set()
        """Names of the top-level fields that objects have had so far; new ones stay in payload."""

    def build(self, bodies: Sequence[Body]) -> Records:
        """Return the rows of these objects, which are changed (redacted) in place."""
        misfits: list[Misfit] = []
        violations: list[str] = []
        page = _Page(bodies)
        keys = self._values(page, self._key)
        if self._mode == "report" and not all(isinstance(k, str) for k in keys):
            page = _Page([b for b, k in zip(bodies, keys, strict=True) if isinstance(k, str)])
            keys = self._values(page, self._key)
        arrays = []
        for column in self.table.landed_columns:
            if column.name == "payload":
                arrays.append(pa.array(self._payloads(page), pa.string(), memory_pool=_POOL))
            else:
                values = self._values(page, column)
                if _ABSENT in values:
                    self._absent(page, column, values, violations)
                    values = [None if v is _ABSENT else v for v in values]
                arrays.append(self._array(column, values, keys, misfits, violations))
        return Records(
            pa.RecordBatch.from_arrays(arrays, schema=self._schema_of()), misfits, violations
        )

    def _values(self, page: _Page, column: Column) -> list[Any]:
        get = self._computed.get(column.name)
        return [get(b) for b in page.bodies] if get else page.values(column.path or column.name)

    def _schema_of(self) -> pa.Schema:
        if self._mode == "enforce":
            return self._schema
        return pa.schema([pa.field(f.name, f.type) for f in self._schema])

    def _payloads(self, page: _Page) -> list[bytes]:
        """Return the JSON of the objects, keys in order; what nobody may read is not in it."""
        for body in page.bodies:
            if not self.fields.issuperset(body):
                self.fields.update(body)
        for path in self.table.redacted_paths:
            page.remove(path)
        bodies = [_only(body, self._kept) for body in page.bodies] if self._kept else page.bodies
        texts = [_sorted_json(body) for body in bodies]
        # One look at all of them: most pages hold nothing to mask. No pattern crosses a line.
        whole = b"\n".join(texts)
        if b"\\u0000" in whole:
            # Out of the text as out of the typed columns, and first: a pattern stops at it.
            texts = [_without_nul(text) for text in texts]
            bodies, whole = [orjson.loads(text) for text in texts], b"\n".join(texts)
        if self._free_text == "" and may_hold_personal_data(whole):
            texts = [_masked(b, t) for b, t in zip(bodies, texts, strict=True)]
        elif self._free_text and _mask_part(bodies, self._free_text):
            texts = [_sorted_json(body) for body in bodies]
        if b"@" in whole:
            texts = [_without_emails(text) if b"@" in text else text for text in texts]
        return texts

    def _array(
        self,
        column: Column,
        values: list[Any],
        keys: list[Any],
        misfits: list[Misfit],
        violations: list[str],
    ) -> pa.Array:
        convert = CONVERTERS.get(column.type)
        if column.name in self._milliseconds:
            convert = MILLISECONDS
        if convert is not None:
            before = len(misfits)
            values = convert(column, values, keys, misfits, self._wrong(column, violations))
            if column.pii != "none":
                # Masked by pattern a text could show what its NUL hides from the pattern.
                misfits[before:] = [replace(m, value_text=WITHHELD) for m in misfits[before:]]
        if column.pii == "hash":
            hashes = {v: self._hash(v) for v in set(values)}
            values = [hashes[v] for v in values]
        elif column.pii == "redact_text":
            values = redacted_column(values)
        array = pa.array(values, ARROW_TYPES[column.type], memory_pool=_POOL)
        if not column.nullable and array.null_count:
            key = keys[values.index(None)] if keys else "?"
            self._violation(column, f"has no value in row {key}", violations)
        return array

    def _absent(
        self, page: _Page, column: Column, values: list[Any], violations: list[str]
    ) -> None:
        where = column.path or column.name
        is_conditional = any(
            f"{where}.".startswith(f"{part}.") and page.has_place_for(part)
            for part in self._conditional
        )
        if is_conditional or any(v is not _ABSENT for v in values):
            return
        self._violation(column, f"is missing: no object has {where!r}", violations)

    def _wrong(self, column: Column, violations: list[str]) -> Callable[[Any, Any, str], None]:
        def wrong(key: Any, value: Any, wanted: str) -> None:
            is_shown = column.pii == "none" and isinstance(value, int | float | bool)
            shown = repr(value) if is_shown else type(value).__name__
            self._violation(column, f"is not {wanted} but {shown} in row {key}", violations)

        return wrong

    def _violation(self, column: Column, what: str, violations: list[str]) -> None:
        text = f"{self.table.stream}: column {column.name!r} {what}"
        if self._mode == "enforce":
            raise ContractViolation(
                text,
                tried="holding the source's objects against the contract; nothing of this "
                "stream was landed",
                todo="see what changed in the source, then change the contract",
            )
        violations.append(text)
