"""Query parameters of the simulated Stripe API: nested keys, ranges, page bounds, their errors."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from orchestration.simulation.http_answers import ApiError

_NESTED = re.compile(r"^([a-z_]+)\[([a-z_0-9]*)\]$")
_PAGING = ("limit", "starting_after", "ending_before", "expand")
_FAR = 2**62


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Return a 400 of type invalid_request_error."""
    return ApiError(400, {"error": error_object(message, param=param, code=code)})


def error_object(
    message: str, *, param: str | None = None, code: str | None = None
) -> dict[str, str]:
    """Return the `error` member of an answer."""
    body = {"message": message, "type": "invalid_request_error"}
    if param is not None:
        body["param"] = param
    if code is not None:
        body["code"] = code
    return body


def not_found(kind: str, object_id: str, param: str = "id", status: int = 404) -> ApiError:
    """Return the error for an object that does not exist."""
    message = f"No such {kind.replace('_', ' ')}: '{object_id}'"
    body = error_object(message, param=param, code="resource_missing")
    return ApiError(status, {"error": body})


@dataclass
class Query:
    """The parameters of one request, checked and split up."""

    plain: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    ranges: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, query_string: str) -> Query:
        """Split `a=1`, `a[0]=x` and `a[]=x` (lists), `a[gte]=1` (nested keys)."""
        query = cls()
        for key, value in parse_qsl(query_string, keep_blank_values=True):
            match = _NESTED.match(key)
            if match is None:
                query.plain[key] = value
            elif match[2] == "" or match[2].isdigit():
                query.lists.setdefault(match[1], []).append(value)
            else:
                query.ranges.setdefault(match[1], {})[match[2]] = value
        return query

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raise for a parameter that the endpoint does not have."""
        for name in (*self.plain, *self.lists, *self.ranges):
            if name not in known and name not in _PAGING:
                message = f"Received unknown parameter: {name}"
                raise invalid(message, param=name, code="parameter_unknown")

    def limit(self) -> int:
        """Page size: 1 to 100, 10 when not given."""
        text = self.plain.get("limit", "10")
        if not text.lstrip("-").isdigit():
            raise invalid(
                f"Invalid integer: {text}", param="limit", code="parameter_invalid_integer"
            )
        if int(text) < 1:
            message = "This value must be greater than or equal to 1."
            raise invalid(message, param="limit", code="parameter_invalid_integer")
        if int(text) > 100:
            message = "This value must be less than or equal to 100."
            raise invalid(message, param="limit", code="parameter_invalid_integer")
        return int(text)

    def cursors(self) -> tuple[str | None, str | None]:
        """`starting_after` and `ending_before`, of which at most one is given."""
        after, before = self.plain.get("starting_after"), self.plain.get("ending_before")
        if after is not None and before is not None:
            raise invalid("You cannot parameterize ending_before and starting_after simultaneously")
        return after, before

    def created(self) -> tuple[int, int]:
        """The half-open range [from, to) of `created`, in epoch seconds."""
        low, high = -_FAR, _FAR
        bounds: dict[str, Any] = dict(self.ranges.get("created", {}))
        if "created" in self.plain:
            bounds = {"gte": self.plain["created"], "lte": self.plain["created"]}
        for bound, text in bounds.items():
            if not text.isdigit():
                name = f"created[{bound}]"
                raise invalid(
                    f"Invalid integer: {text}", param=name, code="parameter_invalid_integer"
                )
            value = int(text)
            if bound in ("gte", "gt"):
                low = max(low, value + (bound == "gt"))
            elif bound in ("lte", "lt"):
                high = min(high, value + (bound == "lte"))
            else:
                raise invalid(f"Received unknown parameter: created[{bound}]", param="created")
        return low, high

    def expand(self, allowed: Collection[str]) -> frozenset[str]:
        """Names to expand, without the `data.` of lists."""
        wanted = [name.removeprefix("data.") for name in self.lists.get("expand", [])]
        for name in wanted:
            if name not in allowed:
                raise invalid(f"This property cannot be expanded ({name}).", param="expand")
        return frozenset(wanted)
