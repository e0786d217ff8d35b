"""What no committed load brought is never counted, and what was erased is not missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from expectations.runner import record, run_checks
from orchestration.defs.quality import held_back
from orchestration.extraction.files import extract_tickets
from orchestration.extraction.outcome import Extraction
from orchestration.settings import Settings
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table, tables
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.base import LoadRequest
from orchestration.warehouse.duckdb import DuckDbWarehouse
from orchestration.warehouse.erasure import erase
from orchestration.warehouse.erasure import record as erasure_row

DAY = datetime(2026, 3, 24, tzinfo=UTC)
AT = DAY.replace(tzinfo=None)
ENTITLEMENTS, ISSUES = "core.entitlements", "jira.issues"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"home": tmp_path, "now": "2026-03-24T06:00:00Z"})


def land(warehouse: DuckDbWarehouse, stream: str, *rows: dict[str, Any], hours: int = 0) -> None:
    schema = pa.schema([pa.field(f.name, f.type) for f in landed_schema(table(stream))])
    as_of = DAY + timedelta(hours=hours)
    request = LoadRequest(stream, as_of, "run", "delta", as_of, is_strict=False)
    warehouse.land(request, pa.Table.from_pylist(list(rows), schema=schema))


def entitlement(key: str, account: str, state: str = "NONE") -> dict[str, Any]:
    return {
        "entitlement_id": key, "account_id": account, "service": "svc", "state": state,
        "created_at": AT, "updated_at": AT,
    }  # fmt: skip


def issue(key: str) -> dict[str, Any]:
    return {"issue_id": key, "issue_key": key, "created_at": AT, "updated_at": AT}


def leave_uncommitted(warehouse: DuckDbWarehouse, stream: str) -> None:
    """Leave rows as a run does that dies between BigQuery's load job and the commit."""
    contract = table(stream)
    warehouse.execute(
        f"insert into raw.{contract.raw_name} select * replace ('dead' as _load_id, "
        f"{contract.primary_key} || '-dead' as {contract.primary_key}) from raw.{contract.raw_name}"
    )


def verdicts(warehouse: DuckDbWarehouse, stream: str) -> dict[str, str]:
    results = run_checks(warehouse, DAY, ())
    record(warehouse, results, "run", DAY)
    return {r.check.rule: r.verdict for r in results if r.check.subject == stream}


def test_rows_that_no_load_committed_are_not_counted(settings: Settings) -> None:
    with cast(DuckDbWarehouse, open_warehouse(settings, "write")) as warehouse:
        land(warehouse, ENTITLEMENTS, entitlement("e1", "a"))
        leave_uncommitted(warehouse, ENTITLEMENTS)
        assert verdicts(warehouse, ENTITLEMENTS)["volume"] == "passed"
        # A committed row that nobody landed is found all the same.
        warehouse.execute(
            "insert into raw.core__entitlements select * replace ('e2' as entitlement_id) "
            "from raw.core__entitlements where entitlement_id = 'e1'"
        )
        assert verdicts(warehouse, ENTITLEMENTS)["volume"] == "failed"


def test_tickets_are_classified_from_committed_issues_alone(settings: Settings) -> None:
    chosen = [t for t in tables("tickets") if t.stream == "tickets.classifications"]
    with cast(DuckDbWarehouse, open_warehouse(settings, "write")) as warehouse:
        land(warehouse, ISSUES, issue("1"))
        leave_uncommitted(warehouse, ISSUES)
        (done,) = extract_tickets(Extraction("tickets", settings, warehouse, DAY, "run", chosen))
        assert (done.status, done.error) == ("ok", None)
        (row,) = warehouse.rows("select count(*) as n from raw.tickets__classifications")
    assert row["n"] == 1


def test_an_erasure_does_not_hold_the_page_back(settings: Settings) -> None:
    with cast(DuckDbWarehouse, open_warehouse(settings, "write")) as warehouse:
        land(warehouse, ENTITLEMENTS, entitlement("e1", "a"), entitlement("e2", "b"))
        land(warehouse, ENTITLEMENTS, entitlement("e1", "a", "HELD"), hours=1)
        for account in ("a", "b"):
            done = erase(warehouse, account)
            warehouse.append_ops("erasures", [erasure_row(done, DAY, "DSR-1")])
        assert verdicts(warehouse, ENTITLEMENTS)["volume"] == "passed"
        assert not any(ENTITLEMENTS in text for text in held_back(warehouse, DAY))
        land(warehouse, ENTITLEMENTS, entitlement("e3", "c"), hours=2)
        warehouse.execute("delete from raw.core__entitlements")
        assert verdicts(warehouse, ENTITLEMENTS)["volume"] == "failed"
