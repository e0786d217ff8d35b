"""What the simulated Stripe account holds: compact rows, their order, their children, its clock.

Rows are kept as JSON bytes and parsed when served, which takes far less memory than dicts.
Rendering into API objects happens here by way of the shape modules; HTTP does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson

from orchestration.simulation import stripe_invoices as invoices
from orchestration.simulation import stripe_legacy as legacy
from orchestration.simulation import stripe_objects as objects
from orchestration.simulation import stripe_payments as payments
from orchestration.simulation.changes import ChangeFolder, bad_line, read_changes
from orchestration.simulation.stripe_objects import EMBEDDED, Object, Row

EVENT_RETENTION = timedelta(days=30)
_EVENT_BODIES = 2000

COLUMNS: dict[str, str] = {
    "customers": "id created currency email name phone country delinquent metadata deleted",
    "payment_methods": "id customer type created card_brand country",
    "subscriptions": "id customer status collection_method currency created canceled_at ended_at"
    " trial_end latest_invoice metadata",
    "subscription_items": "id subscription price_id product_id unit_amount unit_amount_decimal"
    " currency interval usage_type quantity metadata current_period_start current_period_end"
    " created",
    "invoices": "id number customer subscription status billing_reason collection_method currency"
    " amount_due amount_paid amount_remaining attempt_count created due_date finalized_at paid_at"
    " marked_uncollectible_at voided_at period_start period_end metadata",
    "invoice_line_items": "id invoice amount currency quantity price_id product_id"
    " unit_amount_decimal subscription subscription_item period_start period_end",
    "invoice_payments": "id invoice payment_intent status amount_paid amount_requested currency"
    " is_default created paid_at canceled_at",
    "payment_intents": "id customer payment_method status amount amount_received currency created"
    " canceled_at metadata",
    "events": "id type object_type object_id created",
}
"""Columns of each kind's compact row."""

_PARENTS = {
    "subscription_items": "subscription",
    "invoice_line_items": "invoice",
    "invoice_payments": "invoice",
}
_KIND_OF_OBJECT = {
    "customer": "customers",
    "payment_method": "payment_methods",
    "subscription": "subscriptions",
    "subscription_item": "subscription_items",
    "invoice": "invoices",
    "line_item": "invoice_line_items",
    "invoice_payment": "invoice_payments",
    "payment_intent": "payment_intents",
}

Position = tuple[int, str]
"""Where an object stands in its list: created (epoch seconds), then id; newest are last."""


class Table:
    """The rows of one kind, by id and in order of creation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.columns = frozenset(COLUMNS[name].split())
        self.order: list[Position] = []
        self.children: dict[str, list[str]] = defaultdict(list)
        self._rows: dict[str, bytes] = {}
        self._parent = _PARENTS.get(name)
        self._is_listed = name not in ("subscription_items", "invoice_line_items")

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> Row | None:
        """Return the row with this id."""
        raw = self._rows.get(key)
        return None if raw is None else orjson.loads(raw)

    def children_of(self, parent: str) -> list[str]:
        """Return ids of the rows of one parent, in the order they came."""
        return self.children.get(parent, [])

    def rows_of(self, parent: str, limit: int | None = None) -> list[Row]:
        """Return the rows of one parent, in the order they came."""
        return [orjson.loads(self._rows[key]) for key in self.children_of(parent)[:limit]]

    def put(self, row: Row) -> None:
        """Insert or replace a row; order is restored by `sort`."""
        key = row["id"]
        old = self._rows.get(key)
        # Copied, because what orjson returns keeps the 4 KiB buffer that it was written in.
        self._rows[key] = bytes(memoryview(orjson.dumps(row)))
        if self._parent and old is None:
            self.children[row[self._parent]].append(key)
        if old is None and self._is_listed:
            self.order.append(_position(row))

    def remove(self, key: str) -> None:
        """Forget a row; harmless when there is none."""
        raw = self._rows.pop(key, None)
        if raw is None:
            return
        row = orjson.loads(raw)
        if self._parent:
            self.children[row[self._parent]].remove(key)
        if self._is_listed:
            self.order.remove(_position(row))

    def sort(self) -> None:
        """Restore the order after rows came in."""
        self.order.sort()

    def drop_before(self, created: int) -> None:
        """Forget the rows created before `created` (epoch seconds)."""
        cut = bisect_left(self.order, (created, ""))
        for _, key in self.order[:cut]:
            del self._rows[key]
        del self.order[:cut]


def _position(row: Row) -> Position:
    created = objects.epoch(row["created"])
    assert created is not None
    return created, row["id"]


class StripeStore:
    """The simulated account at its simulated time."""

    def __init__(self) -> None:
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self.tables = {name: Table(name) for name in COLUMNS}
        self._event_bodies: dict[tuple[str, str], orjson.Fragment] = {}

    def apply(self, folder: ChangeFolder) -> None:
        """Apply one change folder and move the clock to its boundary."""
        for name, table in self.tables.items():
            path = folder.file("stripe", name)
            for change in read_changes(path):
                if change.row is None:
                    assert change.key is not None
                    table.remove(change.key)
                elif table.columns <= change.row.keys():
                    table.put(change.row)
                else:
                    missing = sorted(table.columns - change.row.keys())
                    raise bad_line(path, change.line, f"stripe.{name} lacks {missing}")
            table.sort()
        self._event_bodies.clear()
        self.move_to(folder.boundary)

    def move_to(self, moment: datetime) -> None:
        """Set the clock; events older than 30 days by it are gone for good."""
        self.now = moment
        self.tables["events"].drop_before(int((moment - EVENT_RETENTION).timestamp()))

    def listed(self, name: str, older_than: Position | None, since: Position) -> Iterator[Row]:
        """Yield rows newest first: strictly before `older_than`, from `since` on."""
        table = self.tables[name]
        start = len(table.order) if older_than is None else bisect_left(table.order, older_than)
        for index in range(start - 1, bisect_left(table.order, since) - 1, -1):
            row = table.get(table.order[index][1])
            if row is not None:
                yield row

    def listed_upwards(self, name: str, newer_than: Position, until: Position) -> Iterator[Row]:
        """Yield rows oldest first: strictly after `newer_than`, before `until`."""
        table = self.tables[name]
        stop = bisect_left(table.order, until)
        for index in range(bisect_left(table.order, (newer_than[0], newer_than[1] + "\0")), stop):
            row = table.get(table.order[index][1])
            if row is not None:
                yield row

    def render(self, name: str, row: Row, *, is_legacy: bool = False) -> Object:
        """Return the API object of a row, in the pinned or in the account's own version."""
        if name == "subscriptions":
            items = self.tables["subscription_items"]
            shown = items.rows_of(row["id"], EMBEDDED)
            more = len(items.children_of(row["id"])) > EMBEDDED
            shape = legacy.subscription if is_legacy else objects.subscription
            return shape(row, shown, more)
        if name == "invoices":
            return self._invoice(row, is_legacy)
        if name == "events":
            return legacy.event(row, self._event_body(row))
        if name == "customers":
            if row["deleted"]:
                return objects.deleted("customer", row["id"])
            return legacy.customer(row) if is_legacy else objects.customer(row)
        if name == "payment_methods":
            method = legacy.payment_method if is_legacy else payments.payment_method
            return method(row)
        if name == "payment_intents":
            return legacy.payment_intent(row, None) if is_legacy else payments.payment_intent(row)
        if name == "subscription_items":
            return objects.subscription_item(row)
        if name == "invoice_line_items":
            return self._line(row, is_legacy)
        return payments.invoice_payment(row)

    def _line(self, row: Row, is_legacy: bool) -> Object:
        if not is_legacy:
            return invoices.line_item(row)
        return legacy.line_item(row, self._item_of(row))

    def _item_of(self, line: Row) -> Row | None:
        key = line["subscription_item"]
        return self.tables["subscription_items"].get(key) if key else None

    def _invoice(self, row: Row, is_legacy: bool) -> Object:
        table = self.tables["invoice_line_items"]
        customer = self.tables["customers"].get(row["customer"]) if row["customer"] else None
        lines = table.rows_of(row["id"], EMBEDDED)
        more = len(table.children_of(row["id"])) > EMBEDDED
        if not is_legacy:
            return invoices.invoice(row, customer, lines, more)
        payments = self.tables["invoice_payments"].rows_of(row["id"])
        intent = next((p["payment_intent"] for p in payments if p["payment_intent"]), None)
        pairs = [(line, self._item_of(line)) for line in lines]
        return legacy.invoice(row, customer, pairs, more, intent)

    def _event_body(self, event: Row) -> orjson.Fragment:
        """The object an event is about, as it is now, in the account's version.

        Kept as JSON for a while, because events about one object come close together.
        """
        about = (event["object_type"], event["object_id"])
        fragment = self._event_bodies.get(about)
        if fragment is None:
            if len(self._event_bodies) >= _EVENT_BODIES:
                self._event_bodies.clear()
            fragment = orjson.Fragment(orjson.dumps(self._legacy_body(*about)))
            self._event_bodies[about] = fragment
        return fragment

    def _legacy_body(self, kind: str, key: str) -> Object:
        name = _KIND_OF_OBJECT.get(kind)
        row = self.tables[name].get(key) if name else None
        if name is None or row is None:
            return {"id": key, "object": kind}
        if name == "customers" and row["deleted"]:
            return legacy.customer({**row, "deleted": False})
        return self.render(name, row, is_legacy=True)
