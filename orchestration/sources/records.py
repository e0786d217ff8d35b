"""JSON objects of an API become typed, redacted Arrow rows. Reads no source.

A column's `path` says where it stands. Every check of the contract happens here: a
value of another type, a required value that is missing, a column that no object of the
batch has. Values of the right type that cannot be stored leave a `Misfit` and are
treated by the rules of `misfits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import orjson
import pyarrow as pa

from orchestration.errors import ContractViolation
from orchestration.sources.arrow import ARROW_TYPES, landed_schema
from orchestration.sources.contract import Column, RawTable
from orchestration.sources.misfits import MAX_TIME, MIN_TIME, Misfit, unfit_decimal
from orchestration.sources.redact import hasher, mask_emails, path_remover, redact_text

ContractMode = Literal["enforce", "report"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = object()
_FAR = 2**32
_MIN_MICROS, _MAX_MICROS = (
    int(pa.scalar(t, pa.timestamp("us")).cast(pa.int64()).as_py()) for t in (MIN_TIME, MAX_TIME)
)


@dataclass(frozen=True)
class Records:
    """One batch: rows of the landed columns, and the values that did not fit."""

    data: pa.RecordBatch
    misfits: list[Misfit] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


Getter = Callable[[dict[str, Any]], Any]
_Values = Callable[[Sequence[dict[str, Any]]], list[Any]]


def _getter(path: str) -> _Values:
    """Return the function that takes what stands at a dotted path out of each object."""
    head, *rest = path.split(".")

    def values(bodies: Sequence[dict[str, Any]]) -> list[Any]:
        found = [body.get(head, _ABSENT) for body in bodies]
        for name in rest:
            # Below a part that is null or of another kind there is nothing to find.
            found = [v.get(name) if type(v) is dict else v for v in found]
        return found

    return values


def _computed(get: Getter) -> _Values:
    return lambda bodies: [get(body) for body in bodies]


def sorted_json(body: dict[str, Any]) -> str:
    """Return the JSON text of an object, its keys in order."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()


class RecordBuilder:
    """Builds batches of one stream; `write` makes the payload of an object.

    `conditional` names the top-level parts that an object need not have (metadata, the
    details of one payment method type). `computed` gives columns that are no plain path.
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
        write: Callable[[dict[str, Any]], str] = sorted_json,
        mode: ContractMode = "enforce",
    ) -> None:
        self.table = table
        self._mode = mode
        self._conditional = frozenset(conditional)
        self._hash = hasher(hash_key)
        self._remove = path_remover(table.redacted_paths)
        self._write = write
        self._schema = landed_schema(table)
        computed = computed or {}
        self.fields: set[str] = set()
        """Names of the top-level fields that objects have had so far; new ones stay in payload."""
        values = {name: _computed(get) for name, get in computed.items()}
        self._columns: list[tuple[Column, _Values | None]] = [
            (c, None if c.name == "payload" else values.get(c.name) or _getter(c.path or c.name))
            for c in table.landed_columns
        ]
        self._key = next(get for c, get in self._columns if c.name == table.primary_key)

    def build(self, bodies: Sequence[dict[str, Any]]) -> Records:
        """Return the rows of these objects, which are changed (redacted) in place."""
        misfits: list[Misfit] = []
        violations: list[str] = []
        if self._mode == "report" and self._key is not None:
            keys = self._key(bodies)
            bodies = [b for b, k in zip(bodies, keys, strict=True) if isinstance(k, str)]
        keys = self._key(bodies) if self._key else []
        arrays = []
        for column, get in self._columns:
            if get is None:
                arrays.append(pa.array([self._payload(b) for b in bodies], pa.string()))
                continue
            values = get(bodies)
            arrays.append(self._array(column, values, keys, misfits, violations))
        return Records(
            pa.RecordBatch.from_arrays(arrays, schema=self._schema_of()), misfits, violations
        )

    def _schema_of(self) -> pa.Schema:
        if self._mode == "enforce":
            return self._schema
        return pa.schema([pa.field(f.name, f.type) for f in self._schema])

    def _payload(self, body: dict[str, Any]) -> str:
        if not self.fields.issuperset(body):
            self.fields.update(body)
        self._remove(body)
        text = self._write(body)
        # An escaped NUL is taken out of the text as it is out of the typed columns.
        return mask_emails(text.replace("\\u0000", "") if "\\u0000" in text else text)

    def _array(
        self,
        column: Column,
        values: list[Any],
        keys: list[Any],
        misfits: list[Misfit],
        violations: list[str],
    ) -> pa.Array:
        if _ABSENT in values:
            self._absent(column, values, violations)
            values = [None if v is _ABSENT else v for v in values]
        convert = _CONVERTERS.get(column.type)
        if convert is not None:
            values = convert(column, values, keys, misfits, self._wrong(column, violations))
        if column.pii == "hash":
            values = [self._hash(v) for v in values]
        elif column.pii == "redact_text":
            values = [None if v is None else redact_text(v) for v in values]
        array = pa.array(values, ARROW_TYPES[column.type])
        if not column.nullable and array.null_count:
            key = keys[values.index(None)] if keys else "?"
            self._violation(column, f"has no value in row {key}", violations)
        return array

    def _absent(self, column: Column, values: list[Any], violations: list[str]) -> None:
        top = (column.path or column.name).split(".")[0]
        if top in self._conditional or any(v is not _ABSENT for v in values):
            return
        where = column.path or column.name
        self._violation(column, f"is missing: no object has {where!r}", violations)

    def _wrong(self, column: Column, violations: list[str]) -> Callable[[Any, Any, str], None]:
        def wrong(key: Any, value: Any, wanted: str) -> None:
            shown = repr(value) if isinstance(value, int | float | bool) else type(value).__name__
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


Wrong = Callable[[Any, Any, str], None]


def _strings(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    for index, value in enumerate(values):
        if value is None:
            continue
        if type(value) is not str:
            wrong(keys[index], value, "a text")
            values[index] = None
        elif "\x00" in value:
            misfits.append(Misfit(keys[index], column.name, "nul_stripped", repr(value)))
            values[index] = value.replace("\x00", "")
    return values


def _ints(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    for index, value in enumerate(values):
        if value is None or (type(value) is int and -(2**63) <= value < 2**63):
            continue
        # Jira's number fields are floats in JSON; a whole one is an integer.
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            values[index] = int(value)
            continue
        wrong(keys[index], value, "a whole number")
        values[index] = None
    return values


def _bools(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    for index, value in enumerate(values):
        if value is not None and type(value) is not bool:
            wrong(keys[index], value, "true or false")
            values[index] = None
    return values


def _parsed_times(values: list[Any]) -> list[int | None] | None:
    """Read a column of texts at once; None when one of them must be looked at by itself."""
    try:
        moments = pa.array(values, pa.string()).cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        return None
    found: list[int | None] = moments.cast(pa.int64()).to_pylist()
    return found if all(v is None or _MIN_MICROS <= v <= _MAX_MICROS for v in found) else None


def _times(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    """Epoch seconds (Stripe), ISO-8601 with an offset or aware times (Jira) become naive UTC."""
    if all(v is None or (type(v) is int and 0 <= v < _FAR) for v in values):
        return [None if v is None else v * 1_000_000 for v in values]
    if all(v is None or type(v) is str for v in values):
        parsed = _parsed_times(values)
        if parsed is not None:
            return parsed
    for index, value in enumerate(values):
        if value is None:
            continue
        try:
            if type(value) is int:
                values[index] = (_EPOCH + timedelta(seconds=value)).replace(tzinfo=None)
            elif type(value) is str:
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is None:
                    raise ValueError(value)
                values[index] = moment.astimezone(UTC).replace(tzinfo=None)
            else:
                raise TypeError(value)
        except OverflowError:
            late = type(value) is not int or value > 0
            values[index] = MAX_TIME if late else MIN_TIME
            misfits.append(Misfit(keys[index], column.name, "time_clamped", str(value)))
        except (TypeError, ValueError):
            wrong(keys[index], value, "a time")
            values[index] = None
    return values


def _decimals(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    for index, value in enumerate(values):
        if value is None:
            continue
        try:
            if type(value) not in (str, int):
                raise InvalidOperation
            number = Decimal(value)
        except InvalidOperation:
            wrong(keys[index], value, "a decimal written as text")
            values[index] = None
            continue
        if unfit_decimal(number):
            misfits.append(Misfit(keys[index], column.name, "number_unfit", str(value)))
            values[index] = None
        else:
            values[index] = number
    return values


def _arrays(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    for index, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, list):
            wrong(keys[index], value, "an array")
            values[index] = None
        elif any(isinstance(item, list) for item in value):
            misfits.append(Misfit(keys[index], column.name, "array_nested", str(value)))
            values[index] = None
        elif None in value:
            misfits.append(Misfit(keys[index], column.name, "array_null", str(value)))
            values[index] = ["" if item is None else item for item in value]
    return values


_CONVERTERS = {
    "string": _strings,
    "json": _strings,
    "int64": _ints,
    "bool": _bools,
    "timestamp": _times,
    "numeric": _decimals,
    "string_array": _arrays,
}
