"""After every run both sides stand in the warehouse; a load that would differ does not land."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.warehouse import Warehouse
from orchestration.warehouse.duckdb import DuckDbWarehouse
from orchestration.warehouse.erasure import erase
from orchestration.warehouse.landing import DuckDbStagedLoad
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE

HOUR = timedelta(hours=1)
MIRROR = "billing.invoices"
ACCOUNTS = "engine.subs_account"


def rows(warehouse: Warehouse, stream: str = "") -> list[dict[str, Any]]:
    where = f"where stream = '{stream}'" if stream else ""
    return warehouse.rows(f"select * from ops.reconciliation {where} order by as_of, stream")


def test_every_stream_of_every_run_is_compared(extract: Extract, warehouse: Warehouse) -> None:
    sources = ("engine", "billing", "core", "stripe", "jira")
    for hours in (0, 1):
        extract(*sources, as_of=BASE + hours * HOUR)
    found = rows(warehouse)
    runs = warehouse.rows("select stream, as_of from ops.load_ledger")
    assert {(r["stream"], r["as_of"]) for r in found} == {(r["stream"], r["as_of"]) for r in runs}
    for row in found:
        assert row["verdict"] == "matched", row
        for side in ("count", "key_hash", "money"):
            assert row[f"source_{side}"] == row[f"warehouse_{side}"], row
    first = {r["stream"]: r for r in found if r["as_of"].hour == 0}
    assert {r["scope"] for s, r in first.items() if s.startswith("stripe.")} == {"all", "read"}
    assert json.loads(first["stripe.invoices"]["source_money"])["amount_due_minor"] == "13000"


def test_money_is_summed_at_the_source_itself(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    with platform.postgres.admin(DATABASES["billing"]) as billing:
        found = billing.execute("select sum(amount_due_minor) from invoices").fetchone()
    extract("billing", streams={MIRROR})
    (row,) = rows(warehouse, MIRROR)
    assert found is not None
    (landed,) = warehouse.rows("select sum(amount_due_minor) as n from raw.billing__invoices")
    source = Decimal(json.loads(row["source_money"])["amount_due_minor"])
    assert source == found[0] == landed["n"]


@pytest.mark.parametrize("damage", ["row", "money"])
@pytest.mark.parametrize("stream", [MIRROR, "stripe.invoices"])
def test_a_load_that_lost_something_does_not_land(
    stream: str,
    damage: str,
    extract: Extract,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    append = DuckDbStagedLoad.append

    def lose(self: DuckDbStagedLoad, batch: pa.RecordBatch | pa.Table) -> None:
        if damage == "row":
            batch = batch.slice(1)
        else:
            index = batch.schema.get_field_index("amount_due_minor")
            wrong = pa.array([1] * batch.num_rows, pa.int64())
            batch = batch.set_column(index, batch.schema.field(index), wrong)
        append(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(DuckDbStagedLoad, "append", lose)
        outcome = extract(stream.split(".")[0], streams={stream})[stream]
    assert outcome.status == "failed" and "the source has" in str(outcome.error)
    assert warehouse.rows(f"select * from raw.{stream.replace('.', '__')}") == []
    (row,) = rows(warehouse, stream)
    assert row["verdict"] == "mismatched"
    assert extract(stream.split(".")[0], streams={stream})[stream].status == "ok"


def test_an_amount_that_moved_without_its_time_is_found_by_reading_the_whole_table(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("billing", streams={MIRROR})
    with platform.postgres.admin(DATABASES["billing"]) as billing:
        billing.execute("create temp table kept as select * from invoices")
        billing.execute("update invoices set updated_at = now() - interval '1 year'")
        extract("billing", streams={MIRROR}, as_of=BASE + HOUR)
        billing.execute("update invoices set amount_due_minor = amount_due_minor + 7")
        healed = extract("billing", streams={MIRROR}, as_of=BASE + 2 * HOUR)[MIRROR]
        (landed,) = warehouse.rows(
            "select sum(n) as n from (select arg_max(amount_due_minor, _as_of) as n "
            "from raw.billing__invoices group by invoice_id)"
        )
        found = billing.execute("select sum(amount_due_minor) from invoices").fetchone()
        after = extract("billing", streams={MIRROR}, as_of=BASE + 3 * HOUR)[MIRROR]
        billing.execute("delete from invoices")
        billing.execute("insert into invoices select * from kept")
    assert (healed.status, healed.mode, healed.warning_kind) == ("ok", "full", "delta_unmatched")
    assert "the whole table was read" in str(healed.warning) and "money" in str(healed.warning)
    assert found is not None and landed["n"] == found[0]
    assert (after.status, after.mode, after.warning_kind) == ("ok", "delta", None)
    assert {r["verdict"] for r in rows(warehouse, MIRROR)} == {"matched"}


@pytest.fixture
def quiet(platform: SimulatedPlatform) -> Iterator[str]:
    """An account that has not changed for long: no delta brings it."""
    with platform.postgres.admin(DATABASES["engine"]) as engine:
        found = engine.execute("select min(account_id) from subs_account").fetchone()
        assert found is not None and isinstance(found[0], str)
        change = (
            "update subs_account set updated_at = updated_at + %s::interval where account_id = %s"
        )
        engine.execute(change, ["-1 year", found[0]])
        yield found[0]
        engine.execute(change, ["1 year", found[0]])


def test_rows_that_were_erased_here_alone_land_again(
    extract: Extract, warehouse: DuckDbWarehouse, quiet: str
) -> None:
    extract("engine", streams={ACCOUNTS})
    assert erase(warehouse, quiet).deleted
    outcome = extract("engine", streams={ACCOUNTS}, as_of=BASE + HOUR)[ACCOUNTS]
    assert (outcome.status, outcome.mode, outcome.rows_appended) == ("ok", "full", 1)
    assert outcome.warning_kind == "delta_unmatched"
    again = extract("engine", streams={ACCOUNTS}, as_of=BASE + 2 * HOUR)[ACCOUNTS]
    assert (again.status, again.mode, again.rows_appended) == ("ok", "delta", 0)


def test_a_whole_table_that_does_not_match_either_fails(
    extract: Extract, warehouse: DuckDbWarehouse, quiet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract("engine", streams={ACCOUNTS})
    warehouse.execute("delete from raw.engine__subs_account where account_id = ?", [quiet])
    before = warehouse.rows("select * from raw.engine__subs_account order by all")
    append = DuckDbStagedLoad.append
    with monkeypatch.context() as patch:
        patch.setattr(DuckDbStagedLoad, "append", lambda self, b: append(self, b.slice(1)))
        outcome = extract("engine", streams={ACCOUNTS}, as_of=BASE + HOUR)[ACCOUNTS]
    assert outcome.status == "failed" and "the source has" in str(outcome.error)
    assert warehouse.rows("select * from raw.engine__subs_account order by all") == before
    assert rows(warehouse, ACCOUNTS)[-1]["verdict"] == "mismatched"
