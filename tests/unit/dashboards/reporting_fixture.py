"""A small warehouse with the reporting models of the page: invented figures, no account.

Two states are offered: Stripe two days old (`stale=True`), and everything fresh.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.closing import Closing
from orchestration.warehouse.ops import ops_columns, ops_ddl
from tests.unit.dashboards.reporting_relations import DDL

AT = datetime(2026, 3, 24, 6, tzinfo=UTC)
NOW = AT.replace(tzinfo=None)
"""The same moment as the warehouse writes it: UTC without zone."""
_WINDOW = timedelta(hours=26)
CATALOGUE = Path(__file__).parents[3] / "dbt_project" / "seeds" / "metric_catalogue.csv"
CATEGORIES = (
    ("subscription_lifecycle", "Subscription lifecycle", "Smart Checkout", "direct", 228),
    ("payment_block", "Payment block", "Dunning Brain", "direct", 92),
    ("invoice_remediation", "Invoice remediation", "Honest Invoicing", "direct", 90),
    ("bad_debt", "Bad debt", "Dunning Brain", "direct", 74),
    ("entitlement_drift", "Entitlement drift", "Smart Checkout", "side_effect", 61),
    ("duplicate_charge", "Duplicate charge", "Honest Invoicing", "direct", 44),
    ("refund", "Refund", None, "none", 38),
    ("provisioning", "Provisioning", "Smart Checkout", "side_effect", 33),
    ("address_checkout", "Address and checkout", "Registrar", "direct", 21),
    ("unclassified", "Unclassified", None, "none", 112),
)
KINDS = {
    "stripe": ("missing_in_stripe", "orphan_in_stripe", "price_mismatch", "quantity_mismatch"),
    "zone_plan": ("plan_above_engine", "plan_below_engine", "missing_in_www"),
}


class FixtureWarehouse(Closing):
    """The warehouse protocol's reading and ops methods over one in-memory DuckDB."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("create schema ops; create schema reporting")
        for statement in ops_ddl():
            self.connection.execute(statement)
        self.connection.execute(DDL.replace("create table ", "create table reporting."))

    def close(self) -> None:
        self.connection.close()

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        return self.connection.sql(sql, params=list(params)).to_arrow_table()

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        return list(self.query(sql, params).to_pylist())

    def append_ops(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        columns = ops_columns(table)
        self.insert(f"ops.{table}", [tuple(row.get(c) for c in columns) for row in rows])

    def replace_ops(
        self, table: str, rows: Iterable[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        rows = list(rows)
        if rows:
            marks = ", ".join(["(" + ", ".join("?" * len(key)) + ")"] * len(rows))
            cells = [row[column] for row in rows for column in key]
            columns = ", ".join(key)
            self.connection.execute(
                f"delete from ops.{table} where ({columns}) in ({marks})", cells
            )
        self.append_ops(table, rows)

    def fill(self, table: str, rows: list[tuple[object, ...]]) -> None:
        self.insert(f"reporting.{table}", rows)

    def insert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        if rows:
            marks = "(" + ", ".join("?" * len(rows[0])) + ")"
            values = ", ".join([marks] * len(rows))
            cells = [cell for row in rows for cell in row]
            self.connection.execute(f"insert into {table} values {values}", cells)


def catalogue() -> list[dict[str, str]]:
    """The declared metrics, in the order of the catalogue."""
    with CATALOGUE.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def reporting_warehouse(*, stale: bool = True) -> FixtureWarehouse:
    """A filled fixture: Stripe 54 hours old when `stale`, else everything six hours old."""
    warehouse = FixtureWarehouse()
    metrics = catalogue()
    stripe_as_of = NOW - timedelta(hours=54 if stale else 6)
    streams = {s for m in metrics for s in m["streams"].split(";")}
    streams |= {"tickets.classifications", "knowledge.nodes", "knowledge.edges"}
    _fill_streams(warehouse, streams, stripe_as_of, stale)
    for position, metric in enumerate(metrics):
        _fill_metric(warehouse, metric, position, stripe_as_of)
    _fill_tickets(warehouse)
    _fill_drift(warehouse)
    days = [date(2026, 2, 22) + timedelta(days=i) for i in range(30)]
    bad_debt = [(d, 73_000 + i * 18, 24 + i * 7 % 9, 11 + i * 5 % 8) for i, d in enumerate(days)]
    warehouse.fill("rpt_bad_debt", bad_debt)
    combos = {"000": 3_925_954, "111": 73_102, "001": 77, "010": 91, "011": 104, "100": 88}
    combos |= {"101": 96, "110": 73, "lifting": 31}
    warehouse.fill(
        "rpt_triple_store", [(c, n, c in {"000", "111", "lifting"}) for c, n in combos.items()]
    )
    honesty = [
        ("claim", "grounded", 9),
        ("claim", "stale", 11),
        ("claim", "asserted", 14),
        ("hypothesis", "observable", 15),
        ("hypothesis", "untested", 6),
        ("mechanism", "grounded", 28),
        ("metric", "fresh", 7),
        ("metric", "stale", 11),
        ("pattern", "asserted", 13),
        ("question", "asserted", 11),
    ]
    warehouse.fill("rpt_graph_honesty", honesty)
    facts = [
        ("accounts", 4_000_000, "accounts", NOW, "Billing profiles"),
        ("events_per_day", 61_240, "events/day", NOW, "Deliveries of the last complete day"),
        ("handlers_seen", 27, "handlers", NOW, "Handlers with a delivery"),
    ]
    warehouse.fill("rpt_platform_facts", facts)
    _fill_companions(warehouse, metrics, stale)
    return warehouse


def _fill_companions(
    warehouse: FixtureWarehouse, metrics: list[dict[str, str]], stale: bool
) -> None:
    warehouse.fill(
        "rpt_glossary_facts",
        [
            ("handlers_declared", 27, "handlers", "", "Handlers that the pipe declares"),
            ("mutations", 3_512, "runs/day", "engine.subs_mutations", "Runs on the last day"),
            ("licenses_stripe", 1_506, "OPEs", "engine.subs_object_products_element", "Linked"),
            ("invoices_paid", 2_046, "invoices", "stripe.invoices", "Paid invoices"),
        ],
    )
    for metric in metrics:
        name = metric["metric_id"]
        old = stale and "stripe." in metric["streams"]
        warehouse.fill(
            "rpt_checks",
            [
                (
                    *(f"metric.freshness.{name}", "metric", name, "freshness"),
                    *("age in hours is within the window of 26", "54" if old else "6"),
                    *("failed" if old else "passed", "observed, expected 0 to 26", NOW),
                )
            ],
        )
    message = "stripe is late: its oldest evidence is 54 h old"
    warehouse.fill(
        "rpt_incidents",
        [
            (
                *("late_source:stripe:20260324T060000Z", "late_source", "stripe", "critical"),
                *(
                    "open",
                    "metrics-warehouse",
                    NOW,
                    None,
                    "bad_debt_accounts;double_charged_accounts",
                ),
                message,
            )
        ],
    )
    nodes = [
        ("workstream.dunning-brain", "workstream", "Dunning Brain", "declared", None),
        ("claim.stock", "claim", "The stock is high", "stale", "metric.bad_debt_accounts > claim"),
        (
            *("hypothesis.debt-falls", "hypothesis", "Debt falls by 20 percent", "observable"),
            "predicts metric.bad_debt_accounts",
        ),
        ("hypothesis.tbd", "hypothesis", "Second card recovers", "untested", "no predicts edge"),
    ]
    warehouse.fill(
        "rpt_graph_status",
        [
            (
                *(node, kind, "dunning", title, f"{title}, as W12 shows.", status, None, proof),
                *(False, None, None, None, None, None),
            )
            for node, kind, title, status, proof in nodes
        ],
    )
    warehouse.fill(
        "rpt_graph_blast_radius",
        [
            ("datasource.stripe.customers", "datasource", 20, 4, 15, 1, 9, False),
            ("datasource.jira.issues", "datasource", 44, 1, 20, 6, 2, False),
            ("metric.stuck_events", "metric", 4, 0, 3, 1, 3, False),
        ],
    )
    warehouse.fill(
        "rpt_graph_debt",
        [(1, "claim.face-value", "Face value misleads", "Amounts lie.", "asserted", 4, False)],
    )
    warehouse.fill(
        "rpt_patterns",
        [
            (
                "charged_twice",
                "duplicate_charge",
                "Charged twice",
                "Two charges.",
                1,
                "growing",
                "2026-W03",
                "2026-W07",
            )
        ],
    )
    seen = {3: 2, 7: 3}
    warehouse.fill(
        "rpt_pattern_weeks",
        [
            (
                *("charged_twice", f"2026-W{w:02}", seen.get(w, 0)),
                *(seen.get(w, 0) - seen.get(w - 1, 0), "growing" if w in seen else "quiet"),
            )
            for w in range(1, 13)
        ],
    )
    warehouse.fill("rpt_ticket_candidates", [("candidate-1", "refund", 4, "2026-W11")])
    warehouse.fill("rpt_ticket_quality", [("refund", 50, 48, 0.962), ("bad_debt", 50, 49, 0.951)])
    warehouse.fill(
        "rpt_pattern_evidence",
        [("charged_twice", "2026-W03", 2), ("charged_twice", "2026-W07", 3)],
    )
    warehouse.fill(
        "rpt_metric_restatements",
        [("stuck_events", date(2026, 3, 20), "all", 2, 31, 33, "late_data", NOW)],
    )
    delivered = ("Smart Checkout", date(2026, 3, 8), 14)
    judged = ("hypothesis.rollbacks", "Rollbacks reach zero", "They do.", "supported", "moved")
    open_ = ("hypothesis.tbd", "Second card recovers", "It does.", "untested", "no metric")
    warehouse.fill(
        "rpt_hypotheses",
        [
            (*judged, "checkout_rollbacks_per_day", 196, 12, 0, False, *delivered),
            (*open_, None, None, None, None, False, None, None, None),
        ],
    )
    course = [(n, 190 + n * 7 % 13 if n < 14 else max(0, 150 - 22 * (n - 13))) for n in range(28)]
    warehouse.fill(
        "rpt_hypothesis_series",
        [
            ("hypothesis.rollbacks", date(2026, 2, 22) + timedelta(days=n), v, n >= 14, 196, 0)
            for n, v in course
        ],
    )
    days = [date(2026, 3, 20), date(2026, 3, 21)]
    warehouse.fill(
        "rpt_drift_days",
        [
            ("stripe", day, f"d{n}", "price_mismatch", "persistent", 12_050 + n, "usd")
            for day in days
            for n in range(4)
        ],
    )


def _fill_streams(
    warehouse: FixtureWarehouse, streams: set[str], stripe_as_of: datetime, stale: bool
) -> None:
    rows: list[tuple[object, ...]] = []
    for stream in sorted(streams):
        source = stream.split(".")[0]
        old = source == "stripe" and stale
        as_of = stripe_as_of if source == "stripe" else NOW - timedelta(hours=6)
        age = (NOW - as_of) / timedelta(hours=1)
        error = "Stripe answered 401: the API key was revoked." if old else None
        status = "failed" if old else "ok"
        rows.append((stream, source, as_of, age, NOW, status, error, as_of + _WINDOW, old))
        warehouse.append_ops(
            "stream_cursors",
            [{"stream": stream, "cursor_json": "{}", "as_of": as_of, "load_id": "l1"}],
        )
    warehouse.fill("rpt_stream_status", rows)


def _fill_metric(
    warehouse: FixtureWarehouse, metric: dict[str, str], position: int, stripe_as_of: datetime
) -> None:
    is_stripe = "stripe." in metric["streams"]
    as_of = stripe_as_of if is_stripe else NOW - timedelta(hours=6)
    age = (NOW - as_of) / timedelta(hours=1)
    days = [date(2026, 1, 22) + timedelta(days=i) for i in range(58)]
    base = {"bad_debt_accounts": 73_517, "double_charged_accounts": 1_277}.get(
        metric["metric_id"], 30 + position * 9
    )
    values = [max(0, base + (29 - i) * (base // 120 + 1) + (i * i) % 5) for i in range(58)]
    first, last = sum(values[:7]) / 7, sum(values[-7:]) / 7
    limits = [float(metric[c]) if metric[c] else None for c in ("warning", "critical", "target")]
    if metric["threshold_basis"] == "per_million_accounts":
        limits = [None if limit is None else limit * 4 for limit in limits]
    level = "no_threshold"
    if limits[0] is not None:
        level = "ok" if values[-1] < limits[0] else "warning"
    if limits[1] is not None and values[-1] >= limits[1]:
        level = "critical"
    oldest = next(s for s in metric["streams"].split(";") if not is_stripe or "stripe" in s)
    old = age > 26
    warehouse.fill(
        "rpt_metric_status",
        [
            (
                *(metric[c] for c in ("metric_id", "title", "definition", "unit")),
                *(metric["owner"], metric["workstream"], values[-1], days[-1], as_of, "measured"),
                *("stale" if old else "fresh", age, age if old else 0, oldest),
                *(metric["streams"], level, "failed" if old else "passed", *limits),
                *(metric["direction"], last, first, last / first - 1, days[0]),
                *(date(2026, 1, 5), metric["threshold_reason"], 26),
            )
        ],
    )
    series = [(metric["metric_id"], d, v, as_of) for d, v in zip(days, values, strict=True)]
    warehouse.fill("rpt_metric_series", series)


def _fill_tickets(warehouse: FixtureWarehouse) -> None:
    start = date(2025, 12, 29)
    total = sum(row[4] for row in CATEGORIES)
    for position, (category, title, workstream, link, tickets) in enumerate(CATEGORIES):
        share = [tickets // 12 + ((w * (position + 3)) % 5) - 2 for w in range(11)]
        weeks = [*(max(0, n) for n in share), 0]
        weeks[-1] = max(0, tickets - sum(weeks))
        warehouse.fill(
            "rpt_tickets_weekly",
            [
                (
                    *(f"2026-W{w + 1:02}", start + timedelta(weeks=w), category, n, n, 100),
                    *(n - weeks[w - 1] if w else None, n - n // 9, n + n // 8, n + 2),
                )
                for w, n in enumerate(weeks)
            ],
        )
        count = sum(weeks)
        blocked = count if category != "refund" else count // 50
        peak = max(range(12), key=lambda w: weeks[w])
        warehouse.fill(
            "rpt_ticket_categories",
            [
                (
                    *(category, title, workstream, link, MECHANISMS.get(category, ""), count),
                    *(100 * count / total, f"2026-W{peak + 1:02}", weeks[peak], blocked),
                    *(100 * blocked / count, start, start + timedelta(days=83)),
                    *(count - count // 9, count + count // 8, -0.28, -0.512, -0.047, "falling"),
                )
            ],
        )


MECHANISMS = {
    "subscription_lifecycle": "Live payment ends drift that a rollback leaves behind.",
    "payment_block": "One place reads the full state before it decides.",
    "invoice_remediation": "Credit notes replace metadata: one invoice, one correct amount.",
    "refund": "98 % are closed by support; the remaining cases have no workstream.",
}


def _fill_drift(warehouse: FixtureWarehouse) -> None:
    days = [date(2026, 2, 22) + timedelta(days=i) for i in range(28)]
    rows: list[tuple[object, ...]] = []
    for detector, kinds in KINDS.items():
        for position, kind in enumerate(kinds):
            for i, day in enumerate(days):
                rows.append((detector, day, kind, 30 + i + position * 4, i % 3, (i + 1) % 2))
        excluded = [(detector, days[-1], f"e{i}", f"a{i}", kinds[0], "in_flight") for i in range(9)]
        warehouse.fill("rpt_drift_exclusions", list(excluded))
    warehouse.fill("rpt_drift_daily", rows)
