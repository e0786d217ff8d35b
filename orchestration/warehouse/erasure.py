"""Erasure of one account from everything the warehouse holds, with a proof that it is gone.

Belongs here: which tables can hold an account and by what it is found there. Does not: the
decision to erase, or the sources, where the same request has to be served as well: what they
still hold would land again with the next full read.

An account is followed from its own id over the ids that only belong to it: its Stripe customer
(unless other accounts share it), the customer's subscriptions, invoices and payments, its zones
and objects. Every version of a row goes, deletions included; the ledger keeps its counts, and a
row in `ops.erasures` says when, by whose request, and how many rows of each table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from orchestration.errors import PermanentFailure
from orchestration.sources.contract import CONTRACT, RawTable

if TYPE_CHECKING:
    from datetime import datetime


class Eraser(Protocol):
    """What erasing needs of a warehouse."""

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]: ...

    def erase_rows(self, relation: str, column: str, values: Sequence[str]) -> int:
        """Delete the rows whose column holds one of the values, or one and `:` and more."""
        ...

    def forget_uncommitted(self) -> None:
        """Delete raw rows whose load the ledger does not hold."""
        ...

    def mentions(self, relation: str, text: str) -> int:
        """Return how many rows of a table hold the text in any of their columns."""
        ...


# Columns that name an account, or something that belongs to one account alone. An id found in a
# row of the account leads on to the rows that name it.
FOLLOWED = (
    "account_id",
    "customer_id",
    "stripe_customer_id",
    "subscription_id",
    "subscription_item_id",
    "invoice_id",
    "payment_intent_id",
    "payment_method_id",
    "object_product_id",
    "ope_id",
    "zone_id",
    "object_id",
    "charge_id",
    "schedule_id",
    "mutation_id",
)
SAME = {"stripe_customer_id": "customer_id", "object_id": "zone_id"}
"""Columns that hold the ids of another one's."""

SHARED = ("customer_id",)
"""Ids that several accounts can share (merged accounts): then they are not followed."""

DERIVED = ("intermediate", "marts", "metrics", "reporting")


@dataclass
class Erasure:
    """What was found and deleted, by relation, and what is left (must be empty)."""

    account_id: str
    deleted: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    """Ids that other accounts use as well, and that were therefore not followed."""

    @property
    def rows(self) -> int:
        return sum(self.deleted.values())


def _kinds(table: RawTable) -> dict[str, str]:
    """Return the followed columns of a table and the kind of id that each holds."""
    names = {c.name for c in table.landed_columns if c.type == "string"}
    return {name: SAME.get(name, name) for name in FOLLOWED if name in names}


def identities(warehouse: Eraser, account_id: str) -> tuple[dict[str, set[str]], list[str]]:
    """Return every id that belongs to the account alone, by kind, and the shared ones.

    Errors: PermanentFailure when no raw table knows the account.
    """
    known: dict[str, set[str]] = {"account_id": {account_id}}
    shared: set[str] = set()
    asked: dict[str, set[str]] = {}
    is_found = False
    while any(known[kind] - asked.get(kind, set()) for kind in known):
        fresh = {kind: ids - asked.get(kind, set()) for kind, ids in known.items()}
        for kind, ids in fresh.items():
            asked.setdefault(kind, set()).update(ids)
        for table in CONTRACT:
            for row in _rows_naming(warehouse, table, fresh):
                is_found = True
                for column, kind in _kinds(table).items():
                    value = row.get(column)
                    if value and value not in known.get(kind, ()) and value not in shared:
                        if kind == "account_id" or (
                            kind in SHARED and _is_shared(warehouse, value, account_id)
                        ):
                            shared.add(value)
                        else:
                            known.setdefault(kind, set()).add(value)
    if not is_found:
        raise PermanentFailure(
            f"no raw table knows the account {account_id!r}.",
            todo="see the id; an account that never landed needs no erasure.",
        )
    return known, sorted(shared)


def _rows_naming(
    warehouse: Eraser, table: RawTable, ids: dict[str, set[str]]
) -> list[dict[str, Any]]:
    kinds = _kinds(table)
    parts: list[str] = []
    params: list[str] = []
    for column, kind in kinds.items():
        # Rows of other accounts that merely share a customer are not the account's.
        values = sorted(ids.get(kind, ()))
        if values:
            parts.append(f"{column} in ({', '.join('?' * len(values))})")
            params.extend(values)
    if not parts:
        return []
    names = ", ".join(kinds)
    return warehouse.rows(
        f"select distinct {names} from raw.{table.raw_name} where {' or '.join(parts)}", params
    )


def _is_shared(warehouse: Eraser, customer_id: str, account_id: str) -> bool:
    found = warehouse.rows(
        "select count(*) as others from raw.engine__subs_customer "
        "where stripe_customer_id = ? and account_id <> ?",
        (customer_id, account_id),
    )
    return bool(found[0]["others"])


def erase(warehouse: Eraser, account_id: str) -> Erasure:
    """Delete the account from raw, ops and every built table; then search every row of all of them.

    Derived tables hold nothing after the next build; until then their rows go as well, so that
    the request is served when this returns.
    """
    known, shared = identities(warehouse, account_id)
    done = Erasure(account_id, kept=shared)
    # What is deleted of raw below is then all in the ledger's counts, and can be held against them.
    warehouse.forget_uncommitted()
    everything = sorted(set().union(*known.values()))
    places = _places(warehouse)
    for relation, columns in places.items():
        for column, kind in columns.items():
            values = everything if kind is None else sorted(known.get(kind, ()))
            count = warehouse.erase_rows(relation, column, values) if values else 0
            if count:
                done.deleted[relation] = done.deleted.get(relation, 0) + count
    for relation in places:
        if found := warehouse.mentions(relation, account_id):
            done.left[relation] = found
    return done


def _places(warehouse: Eraser) -> dict[str, dict[str, str | None]]:
    """Return every table with the columns that can hold an id of an account, and of which kind.

    None: of any kind. A table without such a column is searched all the same.
    """
    found: dict[str, dict[str, str | None]] = {}
    for table in CONTRACT:
        found[f"raw.{table.raw_name}"] = dict(_kinds(table))
    for schema in ("ops", *DERIVED):
        tables = warehouse.rows(
            "select table_name, table_type from information_schema.tables "
            f"where table_schema = '{schema}'"
        )
        names = {row["table_name"] for row in tables if row["table_type"] == "BASE TABLE"}
        found.update({f"{schema}.{name}": {} for name in sorted(names)})
        for row in warehouse.rows(
            "select table_name, column_name, data_type from information_schema.columns "
            f"where table_schema = '{schema}'"
        ):
            name, relation = row["column_name"], f"{schema}.{row['table_name']}"
            if relation not in found or row["data_type"].lower() != "varchar":
                continue
            if name in FOLLOWED:
                found[relation][name] = SAME.get(name, name)
            elif name in ("entity_id", "row_key"):
                found[relation][name] = None
    return found


def record(done: Erasure, at: datetime, request: str) -> dict[str, Any]:
    """Return the row of `ops.erasures`: that it happened, not whom it concerned."""
    import hashlib
    import json

    return {
        "erasure_id": hashlib.sha256(f"{done.account_id}|{at.isoformat()}".encode()).hexdigest()[
            :32
        ],
        "request": request,
        "rows_deleted": done.rows,
        "tables": json.dumps(done.deleted, sort_keys=True),
        "verified": not done.left,
        "erased_at": at,
    }
