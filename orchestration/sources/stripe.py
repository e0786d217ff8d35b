"""The Stripe API as extraction needs it: pages, objects, children, refusals. Lands nothing.

Everything is read at the pinned version over plain HTTP, so that the body stays what was
sent (no client library between that turns numbers into other numbers). What is read when
is decided by `stripe_plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestration.closing import Closing
from orchestration.errors import (
    ContractViolation,
    PaygoError,
    PermanentFailure,
    TransientFailure,
)
from orchestration.settings import STRIPE_API_VERSION
from orchestration.sources.governor import Governor
from orchestration.sources.http import HttpSource, json_object
from orchestration.sources.wire import Answer

PAGE = 100

Object = dict[str, Any]


def endpoint_of(path: str) -> str:
    """Return what Stripe counts together: the resource, without ids (`invoices/lines`)."""
    return "/".join(path.split("/")[2::2])


def created_of(body: Object, stream: str) -> int:
    """Return when an object was made (epoch seconds); ContractViolation when it does not say."""
    created = body.get("created")
    if type(created) is not int:
        said = type(created).__name__
        row = body.get("id")
        raise violation(f"{stream}: column 'created_at' is not a time but {said} in row {row}")
    return created


def not_repeated(path: str, page: Sequence[Object], after: str | None) -> None:
    """Hold a page against the id that it was to come after: paging on would have no end."""
    if page and page[-1]["id"] == after:
        raise TransientFailure(
            f"Stripe's list {path} repeats its page after {after}",
            tried="paging; nothing of this list was landed",
            todo="run again; when it stays, see what stands between here and Stripe",
        )


def violation(what: str) -> ContractViolation:
    """Return the error for an object without what a list is followed by."""
    return ContractViolation(
        what,
        tried="finding a place in a list; nothing of this stream was landed",
        todo="see what changed in the source, then change the contract",
    )


class StripeSource(Closing):
    """One Stripe account, read with one restricted key; a context manager, thread-safe."""

    def __init__(
        self,
        api_key: str,
        api_base: str,
        *,
        requests_per_second: float,
        endpoint_requests_per_second: float | None = None,
        check_version: bool = True,
        http: HttpSource | None = None,
    ) -> None:
        self._check_version = check_version
        self._http = http or HttpSource(
            "Stripe",
            api_base,
            headers={"Authorization": f"Bearer {api_key}", "Stripe-Version": STRIPE_API_VERSION},
            governor=Governor(requests_per_second, endpoint_requests_per_second),
            endpoint_of=endpoint_of,
        )

    def close(self) -> None:
        self._http.close()

    def is_limited(self, path: str) -> bool:
        """Whether requests to a list wait for our own pace, so that more would not help."""
        return self._http.is_limited(path)

    def probe(self) -> int | None:
        """Use the key once; return the `created` of the newest event, None without events.

        Errors: PermanentFailure when the key is refused, naming the missing permission.
        """
        data, _ = self.page("/v1/events", {"limit": 1})
        return created_of(data[0], "stripe.events") if data else None

    def page(self, path: str, params: Mapping[str, Any]) -> tuple[list[Object], bool]:
        """Return one page and whether there is more; an answer that does not say so is an error."""
        body = self._read(path, params)
        assert body is not None
        data, has_more = body.get("data"), body.get("has_more")
        if not isinstance(data, list) or not isinstance(has_more, bool):
            raise TransientFailure(
                f"Stripe's list {path} came without 'data' or 'has_more'",
                tried="reading one page; a list is never taken as finished without that evidence",
                todo="run again; when it stays, see what stands between here and Stripe",
            )
        for body in data:
            if not isinstance(body, dict) or not isinstance(body.get("id"), str):
                raise violation(f"Stripe's list {path} has an object without an id")
        if has_more and not data:
            raise TransientFailure(f"Stripe's list {path} says there is more after an empty page")
        return data, has_more

    def pages(self, path: str, params: Mapping[str, Any]) -> Iterator[list[Object]]:
        """Yield the pages of a list to its end."""
        after: str | None = None
        while True:
            cursor = {} if after is None else {"starting_after": after}
            data, has_more = self.page(path, {"limit": PAGE, **params, **cursor})
            not_repeated(path, data, after)
            yield data
            if not has_more:
                return
            after = data[-1]["id"]

    def retrieve(self, path: str, params: Mapping[str, Any] | None = None) -> Object | None:
        """Return one object; None when it does not exist (any more)."""
        body = self._read(path, params or {}, may_be_missing=True)
        return None if body is None or body.get("deleted") is True else body

    def children(
        self, parent: Object, field: str, path: str, params: Mapping[str, Any]
    ) -> list[Object]:
        """Return all children of an embedded list, whose first page the parent carries."""
        embedded = parent.get(field)
        if not isinstance(embedded, dict) or not isinstance(embedded.get("data"), list):
            raise PermanentFailure(f"Stripe's object {parent.get('id')} has no list {field!r}")
        found: list[Object] = list(embedded["data"])
        has_more = embedded.get("has_more")
        if has_more is None:
            raise TransientFailure(f"the list {field!r} of {parent.get('id')} has no 'has_more'")
        while has_more:
            after = found[-1]["id"] if found else None
            cursor = {"starting_after": after} if after else {}
            data, has_more = self.page(path, {"limit": PAGE, **params, **cursor})
            not_repeated(path, data, after)
            found.extend(data)
        return found

    def _read(
        self, path: str, params: Mapping[str, Any], *, may_be_missing: bool = False
    ) -> Object | None:
        answer = self._http.get(path, params)
        if answer.status == 200:
            self._version(answer)
            return json_object(answer, "Stripe", path)
        # A gateway's 404 says nothing of the object: only Stripe's own word makes it gone.
        is_gone = answer.status == 404 and _error(answer, path).get("code") == "resource_missing"
        if may_be_missing and is_gone:
            return None
        raise _refusal(answer, path)

    def _version(self, answer: Answer) -> None:
        answered = answer.headers.get("stripe-version")
        if self._check_version and answered is not None and answered != STRIPE_API_VERSION:
            raise PermanentFailure(
                f"Stripe answered in version {answered}, the contract is for {STRIPE_API_VERSION}",
                tried="asking for the pinned version in every request",
                todo="see what changes the Stripe-Version header between here and Stripe",
            )


def _error(answer: Answer, path: str) -> Object:
    """Return the `error` of an answer in Stripe's words; empty when somebody else answered."""
    try:
        error = json_object(answer, "Stripe", path).get("error")
    except TransientFailure:
        return {}
    return error if isinstance(error, dict) else {}


def _refusal(answer: Answer, path: str) -> PaygoError:
    message = _error(answer, path).get("message")
    said = f"Stripe says: {message}" if message else f"HTTP {answer.status}"
    if answer.status == 401:
        return PermanentFailure(
            f"Stripe refused the key. {said}",
            tried=f"GET {path}",
            todo="create a restricted key with read permission on core and billing resources and "
            "put it into PAYGO_STRIPE_API_KEY",
        )
    if answer.status == 403:
        return PermanentFailure(
            f"the Stripe key may not read {path}. {said}",
            tried=f"GET {path}",
            todo="give the restricted key of PAYGO_STRIPE_API_KEY that read permission in "
            "Stripe's dashboard",
        )
    return PermanentFailure(f"Stripe refused GET {path} with {answer.status}. {said}")
