"""Landing in the embedded warehouse: versions, tombstones, atomicity, publishing, refusals."""

from __future__ import annotations

import errno
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.errors import ContractViolation, PermanentFailure, TransientFailure
from orchestration.settings import Settings
from orchestration.sources.arrow import landed_schema
from orchestration.sources.contract import table
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.base import LoadRequest, Warehouse
from orchestration.warehouse.landing import _SPILL_ROWS
from orchestration.warehouse.ledger import load_id
from orchestration.warehouse.raw import row_hash_sql

STREAM = "core.entitlements"
DAY = datetime(2026, 3, 1, tzinfo=UTC)
AT = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def request(day: int = 0, mode: Any = "full") -> LoadRequest:
    return LoadRequest(STREAM, DAY + timedelta(days=day), "run", mode, DAY)


def rows(states: dict[str, str | None], account: str = "acc") -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "entitlement_id": key,
                "account_id": account,
                "service": "svc",
                "state": state,
                "created_at": AT,
                "updated_at": AT,
            }
            for key, state in states.items()
        ],
        schema=pa.schema([pa.field(f.name, f.type) for f in landed_schema(table(STREAM))]),
    )


def state_at(warehouse: Warehouse, day: int) -> dict[str, str]:
    found = warehouse.rows(
        "select entitlement_id, state from raw.core__entitlements where _as_of <= ? "
        "qualify row_number() over (partition by entitlement_id order by _as_of desc) = 1 "
        "and not _is_deleted",
        [(DAY + timedelta(days=day)).replace(tzinfo=None)],
    )
    return {row["entitlement_id"]: row["state"] for row in found}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_only_changes_are_appended_and_history_stays(home: Settings) -> None:
    with open_warehouse(home, "write") as warehouse:
        first = warehouse.land(request(0), rows({"a": "NONE", "b": "HELD"}))
        again = warehouse.land(request(0), rows({"a": "GRANTED"}))
        second = warehouse.land(request(1), rows({"a": "GRANTED", "b": "HELD", "c": "NONE"}))
        third = warehouse.land(request(2), rows({"a": "GRANTED"}))
        fourth = warehouse.land(request(3, "delta"), rows({"b": "HELD"}), deleted_keys=["a", "zz"])
        assert (first.rows_appended, first.outcome) == (2, "committed")
        assert (again.rows_appended, again.outcome) == (0, "already_loaded")
        assert (second.rows_appended, second.rows_deleted) == (2, 0)
        assert (third.rows_appended, third.rows_deleted) == (0, 2)
        assert (fourth.rows_appended, fourth.rows_deleted) == (1, 1)
        assert state_at(warehouse, 0) == {"a": "NONE", "b": "HELD"}
        assert state_at(warehouse, 1) == {"a": "GRANTED", "b": "HELD", "c": "NONE"}
        assert state_at(warehouse, 2) == {"a": "GRANTED"}
        assert state_at(warehouse, 3) == {"b": "HELD"}
        older = warehouse.land(request(-1), rows({"a": "HELD"}))
        assert older.outcome == "older_than_cursor"
        assert state_at(warehouse, -1) == {}


states = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["NONE", "HELD"]), max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(states, min_size=1, max_size=4))
def test_every_day_can_be_seen_again(
    tmp_path_factory: pytest.TempPathFactory, days: list[dict[str, str]]
) -> None:
    chosen = Settings(home=tmp_path_factory.mktemp("home"))
    with open_warehouse(chosen, "write") as warehouse:
        for day, state in enumerate(days):
            warehouse.land(request(day), rows(dict(state)))
        for day, state in enumerate(days):
            assert state_at(warehouse, day) == state
        (repeated,) = warehouse.rows(
            "select count(*) as n from (select 1 from raw.core__entitlements "
            "group by entitlement_id, _as_of having count(*) > 1)"
        )
        assert repeated["n"] == 0


def test_a_key_that_arrives_twice_lands_once_with_the_later_value(home: Settings) -> None:
    many = _SPILL_ROWS + 1
    with open_warehouse(home, "write") as warehouse:
        warehouse.land(request(0), iter(rows({"a": "NONE"}).to_batches() * 2))
        staged = warehouse.stage(request(1))
        staged.append(rows({f"k{n}": "NONE" for n in range(many)}))
        staged.append(rows({"k0": "GRANTED"}))
        assert staged.staged_rows() == many
        staged.commit({}, {})
        assert state_at(warehouse, 0) == {"a": "NONE"}
        assert state_at(warehouse, 1)["k0"] == "GRANTED"


def test_data_ledger_and_cursor_are_one(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_warehouse(home, "write") as warehouse:

        def fail(*_: object) -> None:
            raise RuntimeError("the machine went away")

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(type(warehouse), "record_load", fail)
            warehouse.land(request(0), rows({"a": "NONE"}))
        for name in ("raw.core__entitlements", "ops.load_ledger", "ops.stream_cursors"):
            assert warehouse.rows(f"select * from {name}") == [], name
        assert warehouse.cursor(STREAM) is None
        result = warehouse.land(request(0), rows({"a": "NONE"}), cursor={"x": 1})
        (entry,) = warehouse.rows("select * from ops.load_ledger")
        (cursor,) = warehouse.rows("select * from ops.stream_cursors")
        assert entry["load_id"] == cursor["load_id"] == result.load_id
        assert entry["cursor_json"] == cursor["cursor_json"] == '{"x":1}'
        assert entry["committed_at"] == DAY.replace(tzinfo=None)


def test_load_ids_depend_on_stream_moment_and_contract() -> None:
    contract = table(STREAM)
    assert load_id(contract, DAY) == load_id(contract, DAY)
    assert load_id(contract, DAY) != load_id(contract, DAY + timedelta(seconds=1))
    assert load_id(contract, DAY) != load_id(table("core.zones"), DAY)


def test_content_hash_does_not_depend_on_order(tmp_path: Path) -> None:
    hashes = []
    for number, order in enumerate((["a", "b"], ["b", "a"])):
        with open_warehouse(Settings(home=tmp_path / str(number)), "write") as warehouse:
            warehouse.land(request(0), rows(dict.fromkeys(order, "NONE")))
            hashes.append(warehouse.rows("select content_hash from ops.load_ledger"))
    assert hashes[0] == hashes[1]


def test_content_hash_tells_a_deletion_from_a_return(home: Settings) -> None:
    with open_warehouse(home, "write") as warehouse:
        for day, keys in enumerate(("a", "", "a")):
            warehouse.land(request(day), rows(dict.fromkeys(keys, "NONE")))
        found = warehouse.rows(
            "select content_hash, rows_deleted from ops.load_ledger order by as_of"
        )
    assert [row["rows_deleted"] for row in found] == [0, 1, 0]
    assert found[0]["content_hash"] == found[2]["content_hash"] != found[1]["content_hash"]


def test_the_row_hash_tells_apart_what_looks_alike(home: Settings) -> None:
    expression = row_hash_sql(table("knowledge.edges"))
    columns = "edge_id, from_node_id, relation, to_node_id, is_simulated, file, line"
    alike = [
        "('1', 'a|b', 'c', 'd', true, 'f', 1)",
        "('1', 'a', 'b|c', 'd', true, 'f', 1)",
        "('1', 'ab', 'c', 'd', true, 'f', 1)",
        "('1', 'a', 'bc', 'd', true, 'f', 1)",
        "('1', '', 'a|b|c', 'd', true, 'f', 1)",
        "('1', null, 'a|b|c', 'd', true, 'f', 1)",
        "('1', '~', 'a|b|c', 'd', true, 'f', 1)",
        "('1', '-1', 'a|b|c', 'd', true, 'f', 1)",
        "('1', 'a|b|c', null, 'd', true, 'f', 1)",
        "('1', 'a|-1', 'b|c', 'd', true, 'f', 1)",
        "('1', '5|a|b|c', null, 'd', true, 'f', 1)",
        "('1', 'ä', 'b|c', 'd', true, 'f', 1)",
        "('1', 'ä|b', 'c', 'd', true, 'f', 1)",
        "('1', 'a|b', 'c', 'd', null, 'f', 1)",
    ]
    with open_warehouse(home, "write") as warehouse:
        found = warehouse.rows(
            f"select {expression} as h from (values {', '.join(alike)}) t({columns})"
        )
    assert len({row["h"] for row in found}) == len(alike)


def test_a_warehouse_with_other_row_hashes_is_refused_by_name(home: Settings) -> None:
    with open_warehouse(home, "write") as warehouse:
        warehouse.land(request(0), rows({"a": "NONE"}))
        warehouse.execute("alter table raw.core__entitlements alter _row_hash type varchar")
    with pytest.raises(PermanentFailure) as refused, open_warehouse(home, "write"):
        pass
    assert "_row_hash is varchar" in str(refused.value)
    assert "move the file away" in str(refused.value)


def test_a_batch_must_follow_the_contract(home: Settings) -> None:
    with open_warehouse(home, "write") as warehouse:
        with pytest.raises(ContractViolation, match="column 'state' has no value in 1 of 1 rows"):
            warehouse.land(request(0), rows({"a": None}))
        with pytest.raises(ContractViolation, match="column 'state' is missing"):
            warehouse.land(request(0), rows({"a": "NONE"}).drop_columns(["state"]))
        wrong = rows({"a": "NONE"}).set_column(0, "entitlement_id", pa.array([1]))
        with pytest.raises(ContractViolation, match="'entitlement_id' is int64"):
            warehouse.land(request(0), wrong)
        assert warehouse.rows("select * from ops.load_ledger") == []


def test_ops_rows_replace_by_key(home: Settings) -> None:
    run = {"run_id": "r", "stream": STREAM, "source": "core", "as_of": DAY, "recorded_at": DAY}
    with open_warehouse(home, "write") as warehouse:
        for status in ("failed", "ok"):
            warehouse.replace_ops("stream_runs", [{**run, "status": status}], ("run_id", "stream"))
        (row,) = warehouse.rows("select status, as_of from ops.stream_runs")
        assert row == {"status": "ok", "as_of": DAY.replace(tzinfo=None)}
        with pytest.raises(KeyError, match="no column nonsense"):
            warehouse.append_ops("stream_runs", [{"nonsense": 1}])


def test_readers_see_the_last_published_state(home: Settings) -> None:
    with pytest.raises(PermanentFailure, match=r"no warehouse at .*make demo"):
        open_warehouse(home, "read")
    with open_warehouse(home, "write") as warehouse:
        warehouse.land(request(0), rows({"a": "NONE"}))
        warehouse.publish()
        warehouse.land(request(1), rows({"b": "NONE"}))
        with open_warehouse(home, "read") as reader:
            assert state_at(reader, 9) == {"a": "NONE"}
        warehouse.publish()
    with open_warehouse(home, "read") as reader:
        assert state_at(reader, 9) == {"b": "NONE"}
        with pytest.raises(PermanentFailure, match="opened for reading"):
            reader.publish()
    assert sorted(p.name for p in home.home.iterdir()) == ["run", "warehouse.duckdb"]


def test_a_second_writer_is_told_to_wait(home: Settings) -> None:
    holder = (
        "import sys; from pathlib import Path; from orchestration.settings import Settings\n"
        "from orchestration.warehouse import open_warehouse\n"
        "with open_warehouse(Settings(home=Path(sys.argv[1])), 'write'):\n"
        "    print('open', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(home.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(TransientFailure, match="another run holds the warehouse"):
            open_warehouse(home, "write")
        other.stdin.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentFailure, match="file"):
        open_warehouse(Settings(home=tmp_path / "file" / "home"), "write")


def test_a_full_disk_leaves_the_published_file(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_warehouse(home, "write") as warehouse:
        warehouse.land(request(0), rows({"a": "NONE"}))
        warehouse.publish()
        before = home.warehouse_path.read_bytes()

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("shutil.copyfile", full)
        warehouse.land(request(1), rows({"b": "NONE"}))
        with pytest.raises(PermanentFailure, match=r"disk .* is full.*free some space"):
            warehouse.publish()
    assert home.warehouse_path.read_bytes() == before
    assert sorted(p.name for p in home.home.iterdir()) == ["run", "warehouse.duckdb"]


def test_bigquery_without_a_project_is_refused_clearly(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="no BigQuery project is named"):
        open_warehouse(Settings(home=tmp_path, target="bigquery"), "write")
