"""Replays a world's change folders and counts its metrics from the rows alone.

Shares no code with the world: rules are written again from the definitions, so that
the truth is held against what the sources will really serve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from orchestration.sources.contract import CONTRACT

Row = dict[str, Any]
KEY = {
    t.stream: t.primary_key if t.source in ("engine", "billing", "core") else "id" for t in CONTRACT
}
DAY = timedelta(days=1)


def moment(text: str) -> datetime:
    """Parse a row's time."""
    return datetime.fromisoformat(text)


def folders(changes: Path) -> list[tuple[datetime, Path]]:
    """Change folders with their boundaries, in order."""
    return [
        (datetime.strptime(f.name[4:], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), f)
        for f in sorted(changes.iterdir())
    ]


def read(folder: Path) -> Iterator[tuple[str, Row]]:
    """(table, change) of every line of one folder."""
    for file in sorted(folder.iterdir()):
        table = file.name.removesuffix(".jsonl")
        for line in file.read_bytes().splitlines():
            yield table, orjson.loads(line)


class Replay:
    """The rows of all tables at a boundary."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Row]] = defaultdict(dict)

    def apply(self, folder: Path) -> None:
        """Bring the tables forward by one folder."""
        for table, change in read(folder):
            if change["op"] == "delete":
                del self.tables[table][change["key"]]
            else:
                self.tables[table][change["row"][KEY[table]]] = change["row"]

    def rows(self, table: str) -> list[Row]:
        return list(self.tables[table].values())

    def flagged(self) -> set[str]:
        return {r["account_id"] for r in self.rows("engine.subs_account") if r["flags"] & 32768}

    def inconsistent(self) -> set[str]:
        """Accounts whose three stores disagree; lifting and merged ones apart."""
        customers: dict[str, list[Row]] = defaultdict(list)
        by_account: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("engine.subs_customer"):
            by_account[row["account_id"]].append(row)
            customers[row["stripe_customer_id"]].append(row)
        flagged = self.flagged()
        found = set()
        for account, rows in by_account.items():
            stripe = self.tables["stripe.customers"].get(rows[0]["stripe_customer_id"])
            shared = len(customers[rows[0]["stripe_customer_id"]]) > 1
            if len(rows) > 1 or shared or stripe is None or stripe["deleted"]:
                continue
            metadata = stripe["metadata"]
            marks = {
                account in flagged,
                rows[0]["bad_debt"] is not None,
                metadata.get("bad_debt") == "true",
            }
            if len(marks) > 1 and not metadata.get("lifting"):
                found.add(account)
        return found

    def stuck_in_lifting(self, end: datetime) -> int:
        return sum(
            moment(r["metadata"]["lifting"]) < end - DAY
            for r in self.rows("stripe.customers")
            if r["metadata"].get("lifting") and not r["deleted"]
        )

    def zero_payment(self, end: datetime) -> int:
        priced = {
            i["subscription"]
            for i in self.rows("stripe.subscription_items")
            if float(i["unit_amount_decimal"]) > 0
        }
        paid = {
            i["subscription"]
            for i in self.rows("stripe.invoices")
            if i["paid_at"] and moment(i["paid_at"]) < end and i["amount_paid"] > 0
        }
        return sum(
            s["status"] == "active"
            and end - 30 * DAY <= moment(s["created"]) <= end - 7 * DAY
            and s["id"] in priced
            and s["id"] not in paid
            for s in self.rows("stripe.subscriptions")
        )

    def double_charged(self, end: datetime) -> int:
        paid = {
            p["invoice"]
            for p in self.rows("stripe.invoice_payments")
            if p["status"] == "paid" and moment(p["paid_at"]) < end
        }
        return len(
            {
                i["metadata"]["account_id"]
                for i in self.rows("stripe.invoices")
                if i["id"] in paid
                and paid & set(i["metadata"].get("bad_debt_invoices", "").split(","))
            }
        )

    def marked_uncollectible(self, since: datetime, end: datetime, *reasons: str) -> int:
        return sum(
            since <= moment(i["marked_uncollectible_at"]) < end
            for i in self.rows("stripe.invoices")
            if i["marked_uncollectible_at"] and (not reasons or i["billing_reason"] in reasons)
        )

    def green_zone(self, since: datetime, end: datetime) -> int:
        count = 0
        for attempt in self.rows("engine.payment_attempts"):
            mutation = self.tables["engine.subs_mutations"].get(attempt["mutation_id"])
            intent = self.tables["stripe.payment_intents"].get(attempt["payment_intent_id"])
            if attempt["outcome"] != "failed" or not mutation or not mutation["written_at"]:
                continue
            confirmed = attempt["confirmed_at"]
            early = confirmed is None or moment(mutation["written_at"]) < moment(confirmed)
            unpaid = intent is None or intent["status"] != "succeeded"
            count += early and unpaid and since <= moment(attempt["started_at"]) < end
        return count

    def rollbacks(self, since: datetime, end: datetime) -> int:
        return sum(
            m["entry_point"] == "checkout"
            and m["outcome"] == "rolled_back"
            and since <= moment(m["started_at"]) < end
            for m in self.rows("engine.subs_mutations")
        )

    def lag_p95(self, since: datetime, end: datetime) -> float:
        lags = sorted(
            moment(d["delivered_at"]) - moment(d["received_at"])
            for d in self.rows("engine.webhook_deliveries")
            if d["outcome"] == "delivered" and since <= moment(d["delivered_at"]) < end
        )
        rank = -(-len(lags) * 95 // 100)
        return lags[rank - 1] / timedelta(microseconds=1) / 1_000_000

    def escalated(self, since: datetime, end: datetime) -> int:
        return sum(
            since <= moment(i["escalated_at"]) < end
            for i in self.rows("jira.issues")
            if i["escalated_at"]
        )
