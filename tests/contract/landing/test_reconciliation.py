"""After every run both sides stand in the warehouse; a load that would differ does not land."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from orchestration.simulation.platform import SimulatedPlatform
from orchestration.simulation.postgres_load import DATABASES
from orchestration.warehouse import Warehouse
from orchestration.warehouse.landing import DuckDbStagedLoad
from tests.contract.landing.conftest import Extract
from tests.contract.simulation.handmade import BASE

HOUR = timedelta(hours=1)
MIRROR = "billing.invoices"


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
