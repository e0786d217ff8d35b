"""Stripe and Jira against servers that answer late and limit: which share of the limit is kept.

The simulators answer after 150 ms. Stripe allows 25 requests a second an endpoint and 100 in
all; Jira allows 50 a second. Rates are of answered requests, from the first request of the
reading to its last answer; landing that goes on afterwards is no part of them. Beside it, for
Stripe, the client that asks for one page at a time; and the share of requests that any reader
of this API would have needed.
"""

from __future__ import annotations

import itertools
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestration.clock import iso
from orchestration.extraction import extract_source
from orchestration.settings import Settings
from orchestration.simulation.faults import Switches
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.http import HttpSource
from orchestration.sources.stripe import StripeSource
from orchestration.warehouse import open_warehouse
from tests.contract.simulation import handmade

OVERALL, EACH, ANSWER_SECONDS = 100, 25, 0.15
JIRA_LIMIT = 50
_KINDS = ("customers", "subscriptions", "payment_intents", "invoice_payments")


def measure(objects: int, issues: int) -> list[dict[str, Any]]:
    """Requests a second against the limits; `objects` are of each of four Stripe lists."""
    switches = Switches(
        stripe_requests_per_second=OVERALL,
        stripe_endpoint_requests_per_second=EACH,
        stripe_answer_seconds=ANSWER_SECONDS,
        jira_requests_per_second=JIRA_LIMIT,
        jira_answer_seconds=ANSWER_SECONDS,
    )
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        world = handmade.write_world(root / "world", [(handmade.BASE, _rows(objects, issues))])
        with SimulatedPlatform(world, root / "platform", switches=switches) as platform:
            platform.advance(handmade.BASE)
            stripe = _extract(platform, root / "stripe", "stripe", len(_KINDS) * objects)
            single = _one_page_at_a_time(platform)
            jira = _extract(platform, root / "jira", "jira", 2 * issues)
    name, needed = "Stripe backfill", len(_KINDS) * math.ceil(objects / 100)
    jira_needed = math.ceil(issues / 100) + math.ceil(issues / 1000) + math.ceil(issues / 5000)
    jira_name = f"Jira, {issues:,} issues with changelogs"
    return [
        _row(name, stripe.rate, "the limit in all", OVERALL, 0.95),
        _row(name, stripe.rate, "one page at a time", single, 1.0),
        _row(f"{name}, requests needed", needed, "requests sent", stripe.requests, 0.9, ""),
        _row(jira_name, jira.rate, "the limit", JIRA_LIMIT, 0.9),
        _row(f"{jira_name}, requests needed", jira_needed, "requests sent", jira.requests, 0.9, ""),
    ]


@dataclass
class Asked:
    """Requests that were answered, and the moments of the first and of the last answer."""

    requests: int = 0
    first: float = math.inf
    last: float = 0.0

    @property
    def rate(self) -> float:
        """Answered requests a second."""
        return self.requests / (self.last - self.first)


@contextmanager
def _watched() -> Iterator[Asked]:
    """Note when requests are made and answered."""
    asked, count, send = Asked(), itertools.count(1), HttpSource._send

    def watched(source: HttpSource, *args: Any, **parts: Any) -> Any:
        asked.first = min(asked.first, time.perf_counter())
        answer = send(source, *args, **parts)
        asked.requests, asked.last = next(count), time.perf_counter()
        return answer

    HttpSource._send = watched  # type: ignore[method-assign]
    try:
        yield asked
    finally:
        HttpSource._send = send  # type: ignore[method-assign]


def _rows(objects: int, issues: int) -> handmade.Folder:
    def spread(row: dict[str, Any], n: int) -> dict[str, Any]:
        # Over 55 days however many there are: nothing is created after the moment of the reading.
        return {**row, "created": handmade.at(80, seconds=n * 4_800_000 // objects)}

    numbers = range(1, objects + 1)
    return {
        "stripe.customers": [spread(handmade.customer(n), n) for n in numbers],
        "stripe.subscriptions": [spread(handmade.subscription(n), n) for n in numbers],
        "stripe.payment_intents": [spread(handmade.intent(n), n) for n in numbers],
        "stripe.invoice_payments": [spread(handmade.payment(n), n) for n in numbers],
        "jira.issues": [handmade.issue(n) for n in range(1, issues + 1)],
        "jira.changelog_items": [handmade.history(n, n) for n in range(1, issues + 1)],
    }


def _extract(platform: SimulatedPlatform, home: Path, source: str, rows: int) -> Asked:
    """Land everything; RuntimeError when a row is missing."""
    found = {k.removeprefix("PAYGO_").lower(): v for k, v in platform.environment().items()}
    now: datetime = handmade.BASE
    settings = Settings(
        home=home,
        now=iso(now),
        hash_key="bench",  # type: ignore[arg-type]
        stripe_requests_per_second=OVERALL,
        stripe_endpoint_requests_per_second=EACH,
        stripe_connections=32,
        jira_requests_per_second=JIRA_LIMIT,
        **found,  # type: ignore[arg-type]
    )
    streams = [f"stripe.{k}" for k in _KINDS] if source == "stripe" else None
    with _watched() as asked, open_warehouse(settings, "write") as warehouse:
        outcomes = extract_source(
            source,
            settings=settings,
            warehouse=warehouse,
            as_of=now,
            run_id="bench",
            streams=streams,
        )
    landed = sum(o.rows_appended for o in outcomes)
    failures = [str(o.error) for o in outcomes if o.error]
    if failures or landed != rows:
        raise RuntimeError(f"{source}: {landed} of {rows} rows; {failures}")
    return asked


def _one_page_at_a_time(platform: SimulatedPlatform, pages: int = 30) -> float:
    """What a client gets that asks for the next page when it has the last."""
    ends = platform.endpoints
    source = StripeSource(ends.stripe_api_key, ends.stripe_api_base, requests_per_second=OVERALL)
    started, after = time.perf_counter(), None
    for _ in range(pages):
        cursor = {"starting_after": after} if after else {}
        data, has_more = source.page("/v1/customers", {"limit": 100, **cursor})
        after = data[-1]["id"] if has_more else None
    return pages / (time.perf_counter() - started)


def _row(
    name: str, value: float, against: str, base: float, limit: float, unit: str = "requests/s"
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "against": f"{against} ({base:.0f}{' requests/s' if unit else ''})",
        "ratio": value / base,
        "limit": limit,
        "better": "higher",
    }
