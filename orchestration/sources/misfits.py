"""Values that no column can hold: the rules, the same for every source. Nothing is read here.

Each use of a rule leaves a `Misfit` with the original text (of personal data: a marker); it
is committed with the load as a row of `ops.quarantine`.

nul_stripped   U+0000 is taken out of a text
time_clamped   an infinite time, or one outside the years 0001-9999, becomes the nearest inside
number_unfit   NaN, infinity, or a decimal that DECIMAL(38, 9) cannot hold exactly, becomes NULL
array_null     a NULL element becomes an empty text (arrays hold no NULL)
array_nested   an array of arrays becomes NULL (flattening would invent a value)

Where a rule gives NULL and the contract requires a value, the stream fails instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

MIN_TIME = datetime(1, 1, 1)  # noqa: DTZ001 - stored times are UTC without a zone
MAX_TIME = datetime(9999, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001

WITHHELD = "(withheld: personal data)"
"""Stands in a `Misfit` for the original of a column that may not land as it is."""

_SCALE = 9
_WHOLE_DIGITS = 29


@dataclass(frozen=True)
class Misfit:
    """One value that did not fit: which row and column, the rule applied, what it was."""

    row_key: str
    column_name: str
    rule: str
    value_text: str


def unfit_decimal(number: Decimal) -> bool:
    """Say whether DECIMAL(38, 9) cannot hold the number exactly."""
    if not number.is_finite():
        return True
    if not number:
        return False
    # By its digits: normalize() would round them to the context's 28.
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    beyond = digits[exponent + _SCALE :] if exponent < -_SCALE else ()
    return any(beyond) or number.adjusted() >= _WHOLE_DIGITS
