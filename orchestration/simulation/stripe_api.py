"""The simulated Stripe API over HTTP: the read endpoints that extraction uses, and their refusals.

Answers in the shape of the version that the request names (`Stripe-Version`); without one, in
that of the account. Objects and their order come from `stripe_store`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count, islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestration.settings import STRIPE_API_VERSION
from orchestration.simulation import stripe_legacy as legacy
from orchestration.simulation.faults import FaultRule, Faults
from orchestration.simulation.http_answers import ApiError, answer, guarded, reshaped
from orchestration.simulation.rate_limit import RateLimiter
from orchestration.simulation.stripe_endpoints import (
    ENDPOINTS,
    ITEMS,
    LINES,
    PROBE,
    SUBSCRIPTION_STATUSES,
    Endpoint,
    is_listed,
)
from orchestration.simulation.stripe_objects import ACCOUNT_ID, Object, Row, epoch, page
from orchestration.simulation.stripe_query import Query, error_object, invalid, not_found
from orchestration.simulation.stripe_store import Position, StripeStore


class StripeApi:
    """The routes of the API over one store, for one restricted key."""

    def __init__(
        self,
        store: StripeStore,
        faults: Faults,
        api_key: str,
        limiter: RateLimiter,
        count_request: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._faults = faults
        self._api_key = api_key
        self._limiter = limiter
        self._count = count_request
        self._request_ids = count(1)

    def routes(self) -> list[Route]:
        """Return every route; an unknown path below /v1 is answered as Stripe does."""
        routes = [
            self._route("/v1/account", PROBE, self._account),
            self._route("/v1/balance", PROBE, self._balance),
            self._route("/v1/subscription_items", ITEMS, self._list_items),
            self._route("/v1/subscription_items/{id}", ITEMS, self._retrieve),
            self._route("/v1/invoices/{id}/lines", LINES, self._list_lines),
        ]
        for endpoint in ENDPOINTS:
            routes.append(self._route(endpoint.path, endpoint, self._list))
            routes.append(self._route(endpoint.path + "/{id}", endpoint, self._retrieve))
        routes.append(self._route("/v1/{rest:path}", PROBE, self._unknown))
        return routes

    def _route(
        self, path: str, endpoint: Endpoint, serve: Callable[[Request, Endpoint, bool], Object]
    ) -> Route:
        async def handle(request: Request, rule: FaultRule | None) -> Response:
            headers = {"Request-Id": f"req_{next(self._request_ids):014d}"}
            try:
                is_legacy = self._admit(request, endpoint)
                body = serve(request, endpoint, is_legacy)
            except ApiError as error:
                error.headers.update(headers)
                raise
            if rule is not None and rule.kind == "drop_pagination":
                body.pop("has_more", None)
            if rule is not None and rule.kind == "empty_page":
                body.update(data=[], has_more=False)
            headers["Stripe-Version"] = legacy.API_VERSION if is_legacy else STRIPE_API_VERSION
            return answer(body, headers=headers)

        guard: Callable[[Request], Awaitable[Response]] = guarded(
            "stripe", self._faults, self._count, _fault_body, handle
        )
        return Route(path, guard, methods=["GET"])

    def _admit(self, request: Request, endpoint: Endpoint) -> bool:
        """Check key, version, permission and limits; True when the older version is asked for."""
        self._authenticate(request.headers.get("authorization", ""))
        version = request.headers.get("stripe-version", legacy.API_VERSION)
        if version not in (STRIPE_API_VERSION, legacy.API_VERSION):
            raise invalid(f"Invalid Stripe API version: {version}", code="invalid_api_version")
        switches = self._faults.switches
        if endpoint.permission in switches.stripe_missing_permissions:
            message = (
                f"The provided key '{_masked(self._api_key)}' does not have the required "
                f"permissions for this endpoint on account '{ACCOUNT_ID}'. Having the "
                f"'{endpoint.permission}' permission would allow this request to continue."
            )
            raise ApiError(403, {"error": error_object(message)})
        reason = self._limiter.refuse(
            endpoint.name,
            switches.stripe_requests_per_second,
            switches.stripe_endpoint_requests_per_second,
        )
        if reason is not None:
            raise ApiError(429, _fault_body(429, reason), {"Stripe-Rate-Limited-Reason": reason})
        return version == legacy.API_VERSION

    def _authenticate(self, authorization: str) -> None:
        key = _presented_key(authorization)
        if not key:
            message = "You did not provide an API key. Provide it in the Authorization header."
            raise ApiError(401, {"error": error_object(message)})
        if key != self._api_key:
            message = f"Invalid API Key provided: {_masked(key)}"
            raise ApiError(401, {"error": error_object(message)})
        revoked = self._faults.switches.stripe_key_revoked_at
        if revoked is not None and self._store.now >= revoked:
            message = f"Expired API Key provided: {_masked(key)}"
            raise ApiError(401, {"error": error_object(message, code="api_key_expired")})

    def _account(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        return {"id": ACCOUNT_ID, "object": "account", "country": "US", "type": "standard"}

    def _balance(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
        return {"object": "balance", "available": nothing, "livemode": False, "pending": nothing}

    def _unknown(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        message = f"Unrecognized request URL ({request.method}: {request.url.path})."
        raise ApiError(404, {"error": error_object(message)})

    def _retrieve(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        query = Query.parse(request.url.query)
        query.refuse_unknown(())
        expand = query.expand(endpoint.expandable)
        key = request.path_params["id"]
        row = self._store.tables[endpoint.name].get(key)
        if row is None:
            raise not_found(endpoint.kind, key)
        return self._expanded(endpoint, row, expand, is_legacy)

    def _list(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        query = Query.parse(request.url.query)
        self._check_list(endpoint, query)
        limit, expand = query.limit(), query.expand(endpoint.expandable)
        (after, before), (low, high) = query.cursors(), query.created()
        if before is None:
            start = self._position(endpoint, after, "starting_after") if after else (high, "")
            rows = self._store.listed(endpoint.name, min(start, (high, "")), (low, ""))
        else:
            start = self._position(endpoint, before, "ending_before")
            rows = self._store.listed_upwards(endpoint.name, max(start, (low, "")), (high, ""))
        found = list(islice(self._matching(endpoint, query, rows), limit + 1))
        shown = found[:limit] if before is None else found[:limit][::-1]
        data = [self._expanded(endpoint, row, expand, is_legacy) for row in shown]
        return page(data, len(found) > limit, endpoint.path)

    def _check_list(self, endpoint: Endpoint, query: Query) -> None:
        known = {*endpoint.filters, *(("created",) if endpoint.has_created else ())}
        if endpoint.name == "events":
            known.add("types")
            if len(query.lists.get("types", ())) > 20:
                raise invalid("You can only filter by up to 20 event types.", param="types")
            if "types" in query.lists and "type" in query.plain:
                raise invalid("You may pass either `type` or `types`, but not both.")
        query.refuse_unknown(known)
        status = query.plain.get("status")
        if endpoint.name == "subscriptions" and status not in (None, *SUBSCRIPTION_STATUSES):
            choices = ", ".join(SUBSCRIPTION_STATUSES)
            raise invalid(f"Invalid status: must be one of {choices}", param="status")

    def _matching(self, endpoint: Endpoint, query: Query, rows: Iterable[Row]) -> Iterable[Row]:
        wanted = [(endpoint.filters[k], v) for k, v in query.plain.items() if k in endpoint.filters]
        return (
            row
            for row in rows
            if is_listed(endpoint.name, row, query) and all(f(row, v) for f, v in wanted)
        )

    def _position(self, endpoint: Endpoint, key: str, param: str) -> Position:
        row = self._store.tables[endpoint.name].get(key)
        if row is None:
            raise not_found(endpoint.kind, key, param, status=400)
        created = epoch(row["created"])
        assert created is not None
        return created, key

    def _expanded(
        self, endpoint: Endpoint, row: Row, expand: frozenset[str], is_legacy: bool
    ) -> Object:
        body = self._store.render(endpoint.name, row, is_legacy=is_legacy)
        if "payments" in expand:
            payments = self._store.tables["invoice_payments"].rows_of(row["id"])
            data = [self._store.render("invoice_payments", p) for p in payments]
            body["payments"] = page(data, False, f"/v1/invoice_payments?invoice={row['id']}")
        reshaped(body, self._faults.switches.stripe_shape.get(endpoint.kind, {}))
        return body

    def _list_items(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        query = Query.parse(request.url.query)
        query.refuse_unknown(("subscription",))
        parent = query.plain.get("subscription")
        if parent is None:
            message = "Missing required param: subscription."
            raise invalid(message, param="subscription", code="parameter_missing")
        if self._store.tables["subscriptions"].get(parent) is None:
            raise not_found("subscription", parent, "subscription", status=400)
        return self._children(endpoint, query, parent, endpoint.path, is_legacy)

    def _list_lines(self, request: Request, endpoint: Endpoint, is_legacy: bool) -> Object:
        query = Query.parse(request.url.query)
        query.refuse_unknown(())
        parent = request.path_params["id"]
        if self._store.tables["invoices"].get(parent) is None:
            raise not_found("invoice", parent, "invoice")
        return self._children(endpoint, query, parent, request.url.path, is_legacy)

    def _children(
        self, endpoint: Endpoint, query: Query, parent: str, url: str, is_legacy: bool
    ) -> Object:
        """One page of a parent's children, in the order in which they are embedded."""
        table, limit = self._store.tables[endpoint.name], query.limit()
        keys: Sequence[str] = table.children_of(parent)
        after, before = query.cursors()
        for key, param in ((after, "starting_after"), (before, "ending_before")):
            if key is not None and key not in keys:
                raise not_found(endpoint.kind, key, param, status=400)
        if before is not None:
            keys = keys[: keys.index(before)]
            shown, has_more = keys[-limit:], len(keys) > limit
        else:
            keys = keys[keys.index(after) + 1 :] if after is not None else keys
            shown, has_more = keys[:limit], len(keys) > limit
        rows = (table.get(key) for key in shown)
        render = self._store.render
        data = [render(endpoint.name, row, is_legacy=is_legacy) for row in rows if row]
        return page(data, has_more, url)


def _presented_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return value.strip() if scheme.lower() == "bearer" else ""


def _masked(key: str) -> str:
    return f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)


def _fault_body(status: int, reason: str | None) -> Object:
    if status == 429:
        message = "Request rate limit exceeded. Learn about rate limits in the API documentation."
        code = "lock_timeout" if reason == "lock_timeout" else "rate_limit"
        return {"error": error_object(message, code=code)}
    if status >= 500:
        message = "Sorry! There was an error while talking to the service."
        return {"error": {"message": message, "type": "api_error"}}
    return {"error": error_object(reason or f"Simulated failure with status {status}.")}
