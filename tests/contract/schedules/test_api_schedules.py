"""Changes, late events, deletions, a lagging index, runs and crashes in any order: Stripe and Jira.

The real servers' code answers in this process. After every run the warehouse holds what the
source shows (Stripe), or what its index does not hide (Jira), and nothing twice; in the end,
when everything is visible, exactly the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from starlette.applications import Starlette

from orchestration.clock import iso
from orchestration.simulation.faults import Faults, Switches
from orchestration.simulation.jira_api import JiraApi
from orchestration.simulation.jira_store import JiraStore
from orchestration.simulation.rate_limit import RateLimiter
from orchestration.simulation.stripe_api import StripeApi
from orchestration.simulation.stripe_store import StripeStore
from tests.contract.schedules.machine import START, Bench, run_schedules, schedules
from tests.contract.schedules.sync_asgi import InProcess
from tests.contract.simulation.handmade import customer, event, issue, item, subscription

CUSTOMERS = "stripe.customers"
ITEMS = "stripe.subscription_items"
ISSUES = "jira.issues"
STREAMS = (CUSTOMERS, "stripe.subscriptions", ITEMS, ISSUES)

NUMBERS = st.integers(1, 5)


class World:
    """Both servers over stores that every schedule fills anew."""

    def __init__(self, home: Path) -> None:
        self.faults = Faults(Switches(stripe_requests_per_second=None))
        limiter, count = RateLimiter(lambda: 0.0), Counter[str]()

        def note(service: str, path: str) -> None:
            count[path] += 1

        self.stripe, self.jira = StripeStore(), JiraStore()
        self.stripe_api = StripeApi(self.stripe, self.faults, "rk_test_key", limiter, note)
        self.jira_api = JiraApi(self.jira, self.faults, "a@example.com", "token", limiter, note)
        routes = [*self.stripe_api.routes(), *self.jira_api.routes()]
        self.transport = InProcess(Starlette(routes=routes))
        settings = {
            "stripe_api_key": "rk_test_key",
            "stripe_api_base": "http://test",
            "stripe_requests_per_second": 1e6,
            "stripe_endpoint_requests_per_second": 1e6,
            "stripe_connections": 2,
            "jira_base_url": "http://test",
            "jira_email": "a@example.com",
            "jira_api_token": "token",
            "jira_requests_per_second": 1e6,
        }
        self.bench = Bench(home, STREAMS, settings)

    def empty(self) -> None:
        """Fresh stores, the same servers."""
        self.bench.reset()
        self.stripe.__init__()  # type: ignore[misc]
        self.jira.__init__()  # type: ignore[misc]
        self.faults.reset()
        # An index that shows no issue is a failure, and has a test of its own: this one stays,
        # and is too old for the index to lag behind it.
        long_ago = iso(START - timedelta(hours=1))
        self.jira.put_issues([issue(0, created=long_ago, updated=long_ago)])
        self.move()

    def move(self) -> None:
        """Let the stores stand where the clock stands."""
        for name in ("customers", "subscriptions", "events"):
            self.stripe.tables[name].sort()
        self.stripe.move_to(self.bench.clock)
        self.jira.now = self.bench.clock


of_stripe = precondition(lambda self: self.source == "stripe")
of_jira = precondition(lambda self: self.source == "jira")


class Schedule(RuleBasedStateMachine):
    """One schedule, of one of the two."""

    world: World

    @initialize(source=st.sampled_from(["stripe", "stripe", "jira"]))
    def empty(self, source: str) -> None:
        self.world.empty()
        self.source = source
        self.events = 0
        self.late: list[dict[str, Any]] = []
        self.version = 0

    @of_stripe
    @rule(number=NUMBERS, is_late=st.booleans(), passes=st.booleans())
    def change_customer(self, number: int, is_late: bool, passes: bool) -> None:
        """A change; its event shows at once or a little later, in the same second as others'."""
        self._pass(passes)
        self._put("customers", customer(number), "customer", "customer", is_late)

    @of_stripe
    @rule(number=NUMBERS)
    def delete_customer(self, number: int) -> None:
        self._pass()
        key = customer(number)["id"]
        row = self.world.stripe.tables["customers"].get(key)
        if row is not None and not row["deleted"]:
            self.world.stripe.tables["customers"].put({**row, "deleted": True})
            self._event("customer.deleted", "customer", key, False)

    @of_stripe
    @rule(number=NUMBERS, items=st.integers(0, 12), canceled=st.booleans())
    def change_subscription(self, number: int, items: int, canceled: bool) -> None:
        """With more items than an embedded page holds, or fewer than before."""
        self._pass()
        status = "canceled" if canceled else "active"
        row = subscription(number, status=status)
        table = self.world.stripe.tables["subscription_items"]
        for key in list(table.children_of(row["id"])):
            table.remove(key)
        for n in range(items):
            table.put(item(number * 100 + n, number))
        self._put("subscriptions", row, "subscription", "customer.subscription", False)

    @of_jira
    @rule(number=NUMBERS)
    def change_issue(self, number: int) -> None:
        self._pass()
        self.version += 1
        known = self.world.jira.find(str(10000 + number))
        now = iso(self.world.bench.clock)
        created = known["created"] if known else now
        changed = issue(number, summary=f"v{self.version}", created=created, updated=now)
        self.world.jira.put_issues([changed])

    @of_jira
    @rule(number=NUMBERS)
    def delete_issue(self, number: int) -> None:
        self._pass()
        self.world.jira.remove(str(10000 + number))

    @of_jira
    @rule(minutes=st.sampled_from([0, 3, 9]))
    def let_the_index_lag(self, minutes: int) -> None:
        seconds = {"jira_index_delay_seconds": minutes * 60}
        self.world.faults.switches = self.world.faults.switches.model_copy(update=seconds)

    @rule()
    def extract(self) -> None:
        self._run()
        if self.source == "stripe":
            self._compare_stripe()

    @rule(statement=st.integers(1, 40))
    def crash(self, statement: int) -> None:
        self._pass()
        self.world.bench.crash(self.source, statement)

    def teardown(self) -> None:
        if not hasattr(self, "late"):
            return
        self.world.faults.reset()
        # Beyond the lag of the index and of events: what is true now is visible now.
        for _ in range(3):
            self._pass()
        self._run()
        if self.source == "stripe":
            self._compare_stripe()
        else:
            found = dict(self.world.bench.live(ISSUES, "issue_id, summary"))
            assert found == {k: row["summary"] for k, row in self.world.jira.issues.items()}

    def _run(self) -> None:
        self._pass()
        self._show_events()
        self.world.bench.extract(self.source)

    def _pass(self, passes: bool = True) -> None:
        if passes:
            self.world.bench.tick()
            self._show_events()
        self.world.move()

    def _put(
        self, name: str, row: dict[str, Any], kind: str, prefix: str, is_late: bool
    ) -> None:  # fmt: skip
        table = self.world.stripe.tables[name]
        known = table.get(row["id"])
        self.version += 1
        row["created"] = known["created"] if known else iso(self.world.bench.clock)
        row["metadata"] = {**row["metadata"], "account_id": f"v{self.version}"}
        table.put(row)
        self.world.move()
        self._event(f"{prefix}.{'updated' if known else 'created'}", kind, row["id"], is_late)

    def _event(self, name: str, kind: str, key: str, is_late: bool) -> None:
        self.events += 1
        row = event(self.events, name, kind, key, created=iso(self.world.bench.clock))
        if is_late:
            self.late.append(row)
        else:
            self.world.stripe.tables["events"].put(row)
        self.world.move()

    def _show_events(self) -> None:
        """Events come into the feed within five minutes of their second."""
        for row in self.late:
            self.world.stripe.tables["events"].put(row)
        self.late.clear()
        self.world.move()

    def _compare_stripe(self) -> None:
        tables = self.world.stripe.tables
        customers = [tables["customers"].get(k) for k in tables["customers"]._rows]
        expected = sorted(
            (row["id"], row["metadata"]["account_id"])
            for row in customers
            if row is not None and not row["deleted"]
        )
        assert self.world.bench.live(CUSTOMERS, "customer_id, account_id") == expected
        items = sorted((key,) for key in tables["subscription_items"]._rows)
        assert self.world.bench.live(ITEMS, "subscription_item_id") == items


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestration.sources.http.Connections", lambda *_: made.transport)
        patch.setattr("orchestration.sources.stripe_plan.PAGE", 2)
        patch.setattr("orchestration.sources.stripe.PAGE", 2)
        patch.setattr("orchestration.extraction.checkpoints.KEEP_ROWS", 1)
        yield made
    made.bench.close()


@schedules("apis")
def test_the_warehouse_follows_the_apis(world: World, part: int, examples: int, steps: int) -> None:
    class Bound(Schedule):
        pass

    Bound.world = world
    assert world.bench.clock >= START - timedelta(days=1)
    run_schedules(Bound, part, examples, steps)
