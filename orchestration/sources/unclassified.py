"""Values of columns that the contract does not know: kept so that nobody can read a person in them.

Numbers, truth values and times are kept as they are, everything else as a keyed hash: equal
values stay equal, so a column can be counted and joined before anybody has classed it. Where
the name suggests a person, or a number is as long as a telephone's or a card's, it is hashed
too. Reads no source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import orjson
import pyarrow as pa

from orchestration.sources.postgres_sql import ADDITIONAL

_WHOLE = frozenset({"int2", "int4", "int8"})
_AS_TEXT = frozenset({"numeric", "float4", "float8", "date", "timestamp", "timestamptz", "time"})

_PERSONAL = re.compile(
    r"name|mail|phone|mobile|fax|address|street|city|zip|postal|birth|dob|gender|passport|"
    r"ssn|tax|vat|iban|bic|account_no|card|cvc|pan$|password|secret|token|ip$|ip_|note|comment",
    re.IGNORECASE,
)
_LONGEST_NUMBER = 8

Hash = Callable[[str | None], str | None]


def unclassified_values(
    batch: pa.RecordBatch, additional: Sequence[tuple[str, str]], keyed_hash: Hash
) -> pa.Array:
    """Return a JSON object a row of the `additional` columns (name, type) that have a value there.

    The batch has them as text. NULL where a row has none, so that it hashes as before.
    """
    columns = []
    for n, (name, kind) in enumerate(additional):
        texts = batch.column(f"{ADDITIONAL}{n}").to_pylist()
        columns.append([_kept(name, kind, text, keyed_hash) for text in texts])
    names = [name for name, _ in additional]
    rows = []
    for values in zip(*columns, strict=True):
        found = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        rows.append(orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode() if found else None)
    return pa.array(rows, pa.string())


def _kept(name: str, kind: str, text: str | None, keyed_hash: Hash) -> object:
    if text is None:
        return None
    if kind == "bool":
        return text in ("t", "true")
    is_long = sum(c.isdigit() for c in text.partition(".")[0]) > _LONGEST_NUMBER
    is_time = kind in ("date", "timestamp", "timestamptz", "time")
    if _PERSONAL.search(name) or (is_long and not is_time):
        return keyed_hash(text)
    if kind in _WHOLE:
        return int(text)
    return text if kind in _AS_TEXT else keyed_hash(text)
