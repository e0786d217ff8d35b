"""How values are written: one exact text for storing, one readable text for the page.

Pure functions. No unit is decided here and nothing is rounded in the stored text.
"""

from __future__ import annotations

import functools
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from dashboards.claim import Format

NO_VALUE = "no value"


def canonical(value: object) -> str | None:
    """Write a value exactly and always the same way; None stays None.

    Decimals lose trailing zeros, whole floats their point, times are ISO-8601 in UTC.
    Raises TypeError for a type no claim may yield.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return _plain(Decimal(repr(value)) if isinstance(value, float) else value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a claim yields one number, text or time, not {type(value).__name__}")


def number_of(value: object) -> Decimal | None:
    """Return the value as a number when it is one, at nine decimals at most."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number.quantize(Decimal("1e-9"), rounding=ROUND_HALF_UP) if number.is_finite() else None


def readable(value: object, kind: Format) -> str:
    """Write a value for a reader; a missing one says so."""
    if value is None:
        return NO_VALUE
    if isinstance(value, datetime):
        return f"{value.day} {value:%b %H:%M} UTC"
    if isinstance(value, date):
        return f"{value.day} {value:%b %Y}"
    number = number_of(value)
    if number is None:
        return str(value)
    if kind == "minor":
        return _grouped(number / 100, 2)
    if kind == "signed":
        return ("+" if number > 0 else "") + readable(value, "number")
    if kind == "percent":
        whole = abs(number) >= 10 or number == number.to_integral_value()
        return f"{_grouped(abs(number), 0 if whole else 1)} %"
    if kind == "age":
        return _age(number)
    if kind == "hours":
        return f"{_grouped(number, 0 if number == number.to_integral_value() else 1)} h"
    if kind == "integer" or number == number.to_integral_value() or abs(number) >= 100:
        return _grouped(number, 0)
    return _grouped(number, 2 if abs(number) < 10 else 1)


def series(text: str | None) -> list[tuple[str, tuple[Decimal, ...]]]:
    """Read `key=a/b,key=a/b` as a claim of format series yields it; empty for no value."""
    if not text:
        return []
    points = []
    for part in text.split(","):
        key, _, values = part.partition("=")
        points.append((key, tuple(Decimal(value) for value in values.split("/"))))
    return points


@functools.lru_cache(maxsize=256)
def table(text: str | None) -> dict[str, tuple[Decimal | None, ...]]:
    """Read a series in which a figure may be missing: `key=4//2` has none in the middle."""
    if not text:
        return {}
    rows = {}
    for part in text.split(","):
        key, _, cells = part.partition("=")
        rows[key] = tuple(Decimal(cell) if cell else None for cell in cells.split("/"))
    return rows


def plural(number: object, one: str, many: str) -> str:
    """Return the word that fits the number."""
    return one if number == 1 else many


def _plain(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _grouped(value: Decimal, places: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded:,}".replace("-", "−")


def _age(hours: Decimal) -> str:
    """Whole hours below two days, whole days from there on (never rounded up)."""
    count, unit = (int(hours), "hour") if hours < 48 else (int(hours // 24), "day")
    return f"{count} {unit}{'' if count == 1 else 's'}"
