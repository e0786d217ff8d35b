"""What commands and pages ask in SQL, spelled as BigQuery wants it.

Their queries are written once and shown to readers as written. Models go through dbt's macros
instead. Belongs here: words that mean the same and are spelled differently, nothing whose meaning
differs. Every query of the product is put before BigQuery's analyzer in the tests.
"""

from __future__ import annotations

import re

from orchestration.warehouse.bigquery_schema import SQL_TYPES
from orchestration.warehouse.raw import SQL_TYPES as COMMON_TYPES

# A catalogue of columns and tables exists for each dataset; types answer by their common names.
_TYPES = " ".join(
    f"when '{SQL_TYPES[kind]}' then '{common}'"
    for kind, common in COMMON_TYPES.items()
    if kind != "json"
)
_COLUMNS = (
    r"from (select table_name, column_name, "
    rf"case data_type {_TYPES} else data_type end as data_type "
    r"from \1.INFORMATION_SCHEMA.COLUMNS) as found where true"
)

_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"from information_schema\.columns\s+where table_schema = '(\w+)'"), _COLUMNS),
    (
        re.compile(r"from information_schema\.tables\s+where table_schema = '(\w+)'"),
        r"from \1.INFORMATION_SCHEMA.TABLES where true",
    ),
    (re.compile(r"\bas varchar\)"), "as string)"),
    (re.compile(r"\?::(\w+)"), r"cast(? as \1)"),
    (re.compile(r"\bcount\(\*\) filter \(where ([^()]*)\)"), r"countif(\1)"),
    (re.compile(r"\bbool_or\("), "logical_or("),
)


def spelled(sql: str) -> str:
    """Return the query in BigQuery's spelling."""
    for pattern, replacement in _SPELLINGS:
        sql = pattern.sub(replacement, sql)
    return sql
