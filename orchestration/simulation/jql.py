"""The part of Jira's query language that extraction needs, with Jira's own traps.

Understands clauses joined by AND on project, id, key, updated, created and an ORDER BY of
those. A number given for a time is epoch milliseconds; a bare date or datetime is read in
the time zone of the user whose token asks. Everything else is a `JqlError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

Issue = Mapping[str, Any]
Predicate = Callable[[Issue], bool]

_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_CLAUSE = re.compile(r"^\s*(\w+)\s*(>=|<=|>|<|=|\bin\b)\s*(.+?)\s*$", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"^[\w./:-]+$")
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_TIMES = ("updated", "created")
_FAR = 1 << 62
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "=": lambda a, b: a == b,
}


class JqlError(ValueError):
    """The query is not understood or not allowed; the text is Jira's answer."""


@dataclass(frozen=True)
class Jql:
    """A parsed query: whether an issue matches, and its place in the order."""

    predicates: tuple[Predicate, ...]
    order: tuple[tuple[str, int], ...]
    created: tuple[int, int] = (0, _FAR)
    """The half-open range of creation times (epoch milliseconds) that its clauses leave."""

    @property
    def creation_order(self) -> int | None:
        """1 when issues come by creation and then by id, -1 for the reverse, else None."""
        for sign in (1, -1):
            if self.order[:2] == (("created", sign), ("id", sign)):
                return sign
        return None

    def matches(self, issue: Issue) -> bool:
        """True when every clause but those on the creation time holds."""
        return all(predicate(issue) for predicate in self.predicates)

    def sort_key(self, issue: Issue) -> tuple[int, ...]:
        """Sort key; unique, because the id always comes last."""
        return tuple(sign * _number(issue, name) for name, sign in self.order)


@lru_cache(maxsize=1 << 19)
def millis(moment: str) -> int:
    """Epoch milliseconds of an ISO time."""
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def parse(text: str, time_zone: str) -> Jql:
    """Parse a query for a user in `time_zone`; JqlError says what is wrong."""
    where, *order = _ORDER.split(text, maxsplit=1)
    if not where.strip():
        raise JqlError(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to "
            "your query."
        )
    zone = ZoneInfo(time_zone)
    low, high, predicates = 0, _FAR, []
    for part in _AND.split(where.strip()):
        match = _CLAUSE.match(part)
        if match is not None and match[1].lower() == "created" and match[2] in (">=", "<"):
            bound = _moment(_unquote(match[3]), zone)
            low, high = (max(low, bound), high) if match[2] == ">=" else (low, min(high, bound))
        else:
            predicates.append(_clause(part, zone))
    return Jql(tuple(predicates), _order(order[0] if order else "created desc"), (low, high))


def _order(text: str) -> tuple[tuple[str, int], ...]:
    order = []
    for part in text.split(","):
        name, _, direction = part.strip().lower().partition(" ")
        if name not in (*_TIMES, "id", "key", "issuekey"):
            raise JqlError(f"Not able to sort using field '{name}'.")
        if direction.strip() not in ("", "asc", "desc"):
            raise JqlError(f"Error in the JQL Query: '{direction.strip()}' is no sort direction.")
        order.append((name, -1 if direction.strip() == "desc" else 1))
    return (*order, ("id", 1))


def _number(issue: Issue, name: str) -> int:
    if name in _TIMES:
        return millis(issue[name])
    return int(issue["id"]) if name == "id" else int(issue["key"].rpartition("-")[2])


def _clause(text: str, zone: ZoneInfo) -> Predicate:
    match = _CLAUSE.match(text)
    if match is None:
        raise JqlError(f"Error in the JQL Query: '{text.strip()}' is not understood.")
    name, operator, value = match[1].lower(), match[2].lower(), match[3]
    if name in _TIMES and operator != "in":
        bound, compare = _moment(_unquote(value), zone), _COMPARE[operator]
        return lambda issue: compare(millis(issue[name]), bound)
    if name not in ("project", "id", "issue", "key", "issuekey"):
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")
    if operator not in ("=", "in"):
        raise JqlError(f"The operator '{operator}' is not supported by the '{name}' field.")
    wanted = _values(value) if operator == "in" else frozenset({_unquote(value)})
    if name == "project":
        return lambda issue: issue["project"] in wanted
    fields = ("id", "key")
    return lambda issue: any(issue[field] in wanted for field in fields)


def _values(text: str) -> frozenset[str]:
    if not (text.startswith("(") and text.endswith(")")):
        raise JqlError(f"Error in the JQL Query: expected a list in parentheses but got '{text}'.")
    return frozenset(_unquote(part.strip()) for part in text[1:-1].split(",") if part.strip())


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if not _WORD.match(text):
        raise JqlError(f"Error in the JQL Query: '{text}' is not understood.")
    return text


def _moment(text: str, zone: ZoneInfo) -> int:
    if text.isdigit():
        return int(text)
    for pattern in _FORMATS:
        try:
            local = datetime.strptime(text, pattern).replace(tzinfo=zone)
        except ValueError:
            continue
        return int(local.timestamp() * 1000)
    raise JqlError(
        f"Date value '{text}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
        "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or milliseconds since the epoch."
    )
