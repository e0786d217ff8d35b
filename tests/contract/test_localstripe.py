"""A Stripe server that nobody here wrote must not break the extraction.

`localstripe` accepts the official client; it lists oldest first, has no `created` filters,
shapes of before 2025, no list of invoice payments, and lists payment methods of one
customer only. It is read by sweep with the contract in report mode: what it serves arrives
once, what differs is reported, what it has not fails by name.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import stripe

from orchestration.extraction.outcome import Extraction, StreamOutcome
from orchestration.extraction.stripe import StripeExtraction
from orchestration.settings import Settings
from orchestration.sources.contract import tables
from orchestration.sources.stripe import StripeSource
from orchestration.warehouse import Warehouse, open_warehouse

AS_OF = datetime(2026, 3, 24, tzinfo=UTC)
KEY = "sk_test_localstripe"
CUSTOMERS = 103  # more than one page


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The server on a free port, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        try:
            # It says where it listens once it does.
            while "Running on" not in (line := server.stdout.readline()):
                assert line, f"localstripe ended with {server.poll()}"
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def fill(base: str) -> dict[str, list[str]]:
    """Create objects through the official client; return their ids by stream."""
    client = stripe.StripeClient(KEY, base_addresses={"api": base}).v1
    made: dict[str, list[str]] = {"stripe.customers": [], "stripe.subscriptions": []}
    product = client.products.create({"name": "zone plan"})
    plan = client.plans.create(
        {"amount": 500, "currency": "usd", "interval": "month", "product": product.id}
    )
    for number in range(CUSTOMERS):
        customer = client.customers.create(
            {"email": f"person{number}@example.com", "metadata": {"account_id": f"acc_{number}"}}
        )
        made["stripe.customers"].append(customer.id)
    for customer_id in made["stripe.customers"][:3]:
        card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2035, "cvc": "123"}
        method = client.payment_methods.create({"type": "card", "card": card})
        client.payment_methods.attach(method.id, {"customer": customer_id})
        client.customers.update(
            customer_id, {"invoice_settings": {"default_payment_method": method.id}}
        )
        subscription = client.subscriptions.create(
            {"customer": customer_id, "items": [{"plan": plan.id}]}
        )
        made["stripe.subscriptions"].append(subscription.id)
    return made


def sweep(base: str, home: Path, warehouse: Warehouse) -> dict[str, StreamOutcome]:
    run = Extraction(
        "stripe", Settings(home=home, hash_key="test"), warehouse, AS_OF, "run", tables("stripe")
    )
    source = StripeSource(KEY, base, requests_per_second=1000, check_version=False)
    with source:
        reading = StripeExtraction(run, source, contract_mode="report", sweep_only=True)
        return {o.stream: o for o in reading.run()}


def test_every_object_arrives_once(base: str, tmp_path: Path) -> None:
    made = fill(base)
    with open_warehouse(Settings(home=tmp_path, hash_key="test"), "write") as warehouse:
        outcomes = sweep(base, tmp_path, warehouse)
        for stream, ids in made.items():
            rows = warehouse.rows(
                f"select {stream.split('.')[1][:-1]}_id as id "
                f"from raw.{stream.replace('.', '__')} order by id"
            )
            assert [r["id"] for r in rows] == sorted(ids)
        served = {
            "stripe.subscription_items": "subscription_item_id",
            "stripe.invoices": "invoice_id",
            "stripe.payment_intents": "payment_intent_id",
        }
        for stream, key in served.items():
            (row,) = warehouse.rows(
                f"select count(*) as n, count(distinct {key}) as keys "
                f"from raw.{stream.replace('.', '__')}"
            )
            assert row == {"n": 3, "keys": 3}
        (row,) = warehouse.rows(
            "select count(*) as n, count(distinct event_id) as keys from raw.stripe__events"
        )
        assert row["n"] == row["keys"] >= CUSTOMERS
        reported = {
            (r["stream"], r["column_name"])
            for r in warehouse.rows("select * from ops.schema_changes")
        }
    failed = {s: str(o.error) for s, o in outcomes.items() if o.status == "failed"}
    assert set(failed) == {"stripe.payment_methods", "stripe.invoice_payments"}
    assert "refused GET /v1/invoice_payments with 404" in failed["stripe.invoice_payments"]
    assert "refused GET /v1/payment_methods with 400" in failed["stripe.payment_methods"]
    # Places where the shape is older than the pinned version.
    assert ("stripe.invoices", "amount_remaining_minor") in reported
    assert ("stripe.invoice_line_items", "price_id") in reported


def test_enforced_contract_refuses_the_foreign_shape(base: str, tmp_path: Path) -> None:
    with open_warehouse(Settings(home=tmp_path, hash_key="test"), "write") as warehouse:
        run = Extraction(
            "stripe",
            Settings(home=tmp_path, hash_key="test"),
            warehouse,
            AS_OF,
            "r",
            tables("stripe"),
        )
        with StripeSource(KEY, base, requests_per_second=1000, check_version=False) as source:
            outcomes = {o.stream: o for o in StripeExtraction(run, source, sweep_only=True).run()}
        assert outcomes["stripe.customers"].status == "ok"
        refused = outcomes["stripe.invoices"]
        assert refused.status == "failed"
        assert "stripe.invoices: column" in str(refused.error)
        assert warehouse.rows("select count(*) as n from raw.stripe__invoices") == [{"n": 0}]
