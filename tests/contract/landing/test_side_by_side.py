"""Sources read side by side: the same rows as one after the other, and no error is lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.extraction import SOURCES, StreamOutcome
from orchestration.extraction.lanes import AFTERWARDS, LANES, extract_side_by_side
from orchestration.settings import Settings
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.warehouse import Warehouse, open_warehouse
from orchestration.warehouse.base import LoadRequest
from tests.contract.landing.conftest import Extract

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
STREAMS = {"stripe": "stripe.events", "core": "core.zones", "jira": "jira.issues"}


def rows_of(stream: str, day: int, rows: int = 40) -> pa.Table:
    """Rows whose keys move on with the day, so that some appear, some change, some vanish."""
    contract = table(stream)
    schema = landed_schema(contract)
    values: dict[str, Any] = {
        field.name: pa.array([_value(field.type, day)] * rows, field.type) for field in schema
    }
    keys = [f"{stream}-{n}" for n in range(day, day + rows)]
    values[contract.primary_key] = pa.array(keys, schema.field(contract.primary_key).type)
    return pa.table(values, schema=schema)


def _value(kind: pa.DataType, day: int) -> object:
    if pa.types.is_timestamp(kind):
        return FIRST + timedelta(days=day)
    if pa.types.is_boolean(kind):
        return day % 2 == 0
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return day
    return [] if pa.types.is_list(kind) else f"day {day}"


def land(warehouse: Warehouse, stream: str, day: int) -> None:
    at = FIRST + timedelta(days=day)
    warehouse.land(
        LoadRequest(stream, at, "run", "full", at), rows_of(stream, day), cursor={"day": day}
    )


def contents(warehouse: Warehouse) -> list[list[tuple[object, ...]]]:
    tables = [table(s).raw_name for s in STREAMS.values()]
    queries = [f"select * from raw.{name}" for name in tables]
    queries += ["select * from ops.load_ledger", "select * from ops.stream_cursors"]
    return [sorted((tuple(r.values()) for r in warehouse.rows(q)), key=repr) for q in queries]


def test_loads_side_by_side_leave_what_loads_in_turn_leave(tmp_path: Path) -> None:
    days = 12
    found = []
    for name in ("together", "in turn"):
        with open_warehouse(Settings(home=tmp_path / name), "write") as warehouse:
            for day in range(days):

                def extract(
                    source: str, _: Sequence[str], mine: Warehouse, day: int = day
                ) -> list[StreamOutcome]:
                    land(mine, STREAMS[source], day)
                    return []

                if name == "together":
                    extract_side_by_side({s: [t] for s, t in STREAMS.items()}, extract, warehouse)
                else:
                    for source in STREAMS:
                        extract(source, (), warehouse)
                for stream in STREAMS.values():
                    standing = warehouse.cursor(stream)
                    assert standing is not None
                    assert standing.cursor == {"day": day}
            found.append(contents(warehouse))
    assert found[0] == found[1]
    assert len(found[0][-2]) == days * len(STREAMS)


def test_the_lanes_run_at_the_same_time_and_tickets_after_them(tmp_path: Path) -> None:
    meeting = threading.Barrier(len(LANES), timeout=30)
    ended: list[str] = []

    def extract(source: str, _: Sequence[str], __: Warehouse) -> list[StreamOutcome]:
        if source in {lane[0] for lane in LANES}:
            meeting.wait()  # nobody passes unless every lane has begun
        ended.append(source)
        return []

    streams = {source: ["any"] for lane in (*LANES, AFTERWARDS) for source in lane}
    with open_warehouse(Settings(home=tmp_path), "write") as warehouse:
        extract_side_by_side(streams, extract, warehouse)
    assert sorted(ended) == sorted(SOURCES)
    assert ended[-1] == "tickets"


@pytest.mark.parametrize("broken", ["stripe", "core"])
def test_an_error_of_a_lane_is_raised_when_the_others_have_ended(
    tmp_path: Path, broken: str
) -> None:
    def extract(source: str, _: Sequence[str], mine: Warehouse) -> list[StreamOutcome]:
        if source == broken:
            raise RuntimeError(f"{source} broke")
        land(mine, STREAMS[source], 0)
        return []

    with open_warehouse(Settings(home=tmp_path), "write") as warehouse:
        with pytest.raises(RuntimeError, match=f"{broken} broke"):
            extract_side_by_side({s: [t] for s, t in STREAMS.items()}, extract, warehouse)
        landed = {s for s, stream in STREAMS.items() if warehouse.cursor(stream)}
    assert landed == set(STREAMS) - {broken}


def test_a_source_without_a_lane_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(KeyError, match="no lane for ledger"):
        extract_side_by_side({"ledger": ["ledger.rows"]}, lambda *_: [], warehouse)


def test_real_sources_side_by_side_land_every_stream(
    extract: Extract, warehouse: Warehouse
) -> None:
    done: dict[str, StreamOutcome] = {}

    def one(source: str, streams: Sequence[str], mine: Warehouse) -> list[StreamOutcome]:
        found = extract(source, into=mine)
        done.update(found)
        return list(found.values())

    extract_side_by_side({source: ["all"] for source in SOURCES}, one, warehouse)
    assert {o.status for o in done.values()} == {"ok"}
    ledger = warehouse.rows(
        "select stream, sum(rows_appended) as n from ops.load_ledger group by 1"
    )
    assert {r["stream"]: r["n"] for r in ledger} == {
        o.stream: o.rows_appended for o in done.values()
    }
