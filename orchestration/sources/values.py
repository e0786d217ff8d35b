"""Values of a column as its type wants them: checked, converted, what does not fit kept aside.

A column is looked at as a whole first: nearly always every value is as the contract says.
Reads no source and knows no path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa

from orchestration.sources.contract import Column
from orchestration.sources.misfits import MAX_TIME, MIN_TIME, Misfit, unfit_decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR_MICROS = 2**32 * 1_000_000
_MIN_MICROS, _MAX_MICROS = (
    int(pa.scalar(t, pa.timestamp("us")).cast(pa.int64()).as_py()) for t in (MIN_TIME, MAX_TIME)
)

_NOTHING = type(None)
_TEXTS = frozenset({str, _NOTHING})
_WHOLES = frozenset({int, _NOTHING})
_TRUTHS = frozenset({bool, _NOTHING})
_LISTS = frozenset({list, _NOTHING})

Wrong = Callable[[Any, Any, str], None]


def _present(values: list[Any]) -> Iterator[tuple[int, Any]]:
    """Yield where a value stands that is not NULL, and the value; it may be replaced there."""
    return ((index, value) for index, value in enumerate(values) if value is not None)


def _all_within(values: Sequence[int | None], least: int, most: int) -> bool:
    present = [value for value in values if value is not None]
    return not present or (min(present) >= least and max(present) <= most)


def _strings(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    if _TEXTS.issuperset(map(type, values)) and "\x00" not in "".join(filter(None, values)):
        return values
    for index, value in _present(values):
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
    if _WHOLES.issuperset(map(type, values)) and _all_within(values, -(2**63), 2**63 - 1):
        return values
    for index, value in _present(values):
        if type(value) is int and -(2**63) <= value < 2**63:
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
    if _TRUTHS.issuperset(map(type, values)):
        return values
    for index, value in _present(values):
        if type(value) is not bool:
            wrong(keys[index], value, "true or false")
            values[index] = None
    return values


def epoch_micros(texts: list[Any]) -> list[int | None] | None:
    """Read texts (or NULL) as times at once, in microseconds since 1970.

    None when one of them must be looked at by itself: no time, no offset, out of range.
    """
    try:
        moments = pa.array(texts, pa.string()).cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        return None
    found: list[int | None] = moments.cast(pa.int64()).to_pylist()
    return found if _all_within(found, _MIN_MICROS, _MAX_MICROS) else None


def _times(
    column: Column,
    values: list[Any],
    keys: list[Any],
    misfits: list[Misfit],
    wrong: Wrong,
    micros: int = 1_000_000,
) -> list[Any]:
    """Numbers of `micros` microseconds since 1970, or ISO-8601 with an offset, become naive UTC."""
    kinds = set(map(type, values))
    if kinds <= _WHOLES:
        if _all_within(values, 0, _FAR_MICROS // micros):
            return [None if v is None else v * micros for v in values]
    elif kinds <= _TEXTS:
        parsed = epoch_micros(values)
        if parsed is not None:
            return parsed
    for index, value in _present(values):
        try:
            if type(value) is int:
                values[index] = (_EPOCH + timedelta(microseconds=value * micros)).replace(
                    tzinfo=None
                )
            elif type(value) is str:
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is None:
                    raise ValueError(value)
                values[index] = moment.astimezone(UTC).replace(tzinfo=None)
            else:
                raise TypeError(value)
        except OverflowError:
            is_late = value > 0 if type(value) is int else datetime.fromisoformat(value).year > 1
            values[index] = MAX_TIME if is_late else MIN_TIME
            misfits.append(Misfit(keys[index], column.name, "time_clamped", str(value)))
        except (TypeError, ValueError):
            wrong(keys[index], value, "a time")
            values[index] = None
    return values


def _decimals(
    column: Column, values: list[Any], keys: list[Any], misfits: list[Misfit], wrong: Wrong
) -> list[Any]:
    for index, value in _present(values):
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
    if _LISTS.issuperset(map(type, values)):
        items = chain.from_iterable(v for v in values if v is not None)
        if set(map(type, items)) <= {str}:
            return values
    for index, value in _present(values):
        if not isinstance(value, list):
            wrong(keys[index], value, "an array")
            values[index] = None
        elif any(isinstance(item, list) for item in value):
            misfits.append(Misfit(keys[index], column.name, "array_nested", str(value)))
            values[index] = None
        elif not _TEXTS.issuperset(map(type, value)):
            wrong(keys[index], value, "an array of texts")
            values[index] = None
        elif None in value:
            misfits.append(Misfit(keys[index], column.name, "array_null", str(value)))
            values[index] = ["" if item is None else item for item in value]
    return values


CONVERTERS: dict[str, Callable[..., list[Any]]] = {
    "string": _strings,
    "json": _strings,
    "int64": _ints,
    "bool": _bools,
    "timestamp": _times,
    "numeric": _decimals,
    "string_array": _arrays,
}
"""Take (column, values, keys, misfits, wrong) and return values that Arrow takes, by type.

`wrong(key, value, wanted)` is told of values of another type, which become NULL.
"""

MILLISECONDS = partial(_times, micros=1_000)
"""The converter of times that a source counts in milliseconds."""
