"""A load with very many misfits commits like any other: no request outgrows what BigQuery takes."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.settings import Settings
from orchestration.sources.contract import table
from orchestration.warehouse.base import LoadRequest
from orchestration.warehouse.bigquery import BigQueryWarehouse
from orchestration.warehouse.bigquery_jobs import Jobs

LIMIT = 10 * 1024 * 1024
AT = datetime(2026, 3, 24, tzinfo=UTC)
STREAM = table("core.zones")


@dataclass
class Job:
    """A job that has done its work."""

    state: str = "DONE"
    error_result: None = None

    def result(self, **_: object) -> Job:
        return self


@dataclass
class Client:
    """Keeps what would be sent; `fails` are words of statements that it refuses."""

    project: str = "proj"
    requests: list[str] = field(default_factory=list)
    tables: dict[str, list[str]] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    fails: str = ""

    def query(self, sql: str, *, job_config: Any, **_: object) -> Job:
        self.statements.append(sql)
        self.requests.append(json.dumps({"sql": sql, "config": job_config.to_api_repr()}))
        if self.fails and self.fails in sql:
            raise ValueError("refused")
        return Job()

    def load_table_from_file(self, file: io.BytesIO, target: str, **_: object) -> Job:
        self.tables[target] = pq.read_table(file).column("key").to_pylist()
        return Job()


def misfits(count: int) -> list[dict[str, Any]]:
    return [
        {
            "stream": STREAM.stream, "row_key": f"zone-{n}", "column_name": "plan",
            "rule": "not a number", "value_text": f"größer als {n}", "load_id": "l", "as_of": AT,
        }
        for n in range(count)
    ]  # fmt: skip


def commit(client: Client, rows: list[dict[str, Any]]) -> None:
    jobs = Jobs(client, "EU", 0)  # type: ignore[arg-type]
    warehouse = BigQueryWarehouse(jobs, Settings(_env_file=None), writes=True)
    request = LoadRequest(STREAM.stream, AT, "run", "full", AT)
    ops = {"quarantine": rows, "reconciliation": [{"run_id": "r", "stream": STREAM.stream}]}
    warehouse.commit_load(STREAM, request, "l", pa.table({}), (0, 0, "0"), {}, ops)


def test_a_hundred_thousand_misfits_travel_as_a_table() -> None:
    client, rows = Client(), misfits(100_000)
    commit(client, rows)
    assert max(map(len, client.requests)) < LIMIT / 10
    ((name, lines),) = client.tables.items()
    assert [json.loads(line)["row_key"] for line in lines] == [row["row_key"] for row in rows]
    assert json.loads(lines[7])["value_text"] == "größer als 7"
    relation = name.removeprefix("proj.")
    (script,) = [sql for sql in client.statements if "begin transaction" in sql]
    assert f"from (select key as n from {relation}) as listed" in script
    assert client.statements[-1] == f"drop table if exists {relation}"


def test_as_many_as_a_request_takes_travel_in_it() -> None:
    client = Client()
    commit(client, misfits(2_500))
    assert client.tables == {}
    assert max(map(len, client.requests)) < LIMIT / 2


def test_the_table_goes_also_when_the_commit_fails() -> None:
    client = Client(fails="begin transaction")
    with pytest.raises(ValueError, match="refused"):
        commit(client, misfits(10_000))
    assert client.statements[-1].startswith("drop table if exists scratch.keys_")
