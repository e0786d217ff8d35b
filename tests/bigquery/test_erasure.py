"""`paygo erase` on a finished warehouse: no row of any table names the account any more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.conftest import DemoHome, run_paygo

pytestmark = pytest.mark.full


def tables(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [
            f"{schema}.{name}"
            for schema, name in connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_type = 'BASE TABLE' order by all"
            ).fetchall()
        ]


def mentions(path: Path, text: str) -> dict[str, int]:
    """Count rows that hold the text anywhere; written apart from the product's own search."""
    found = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        for relation in tables(path):
            rows = connection.execute(f"select * from {relation}").fetchall()
            if count := sum(text in repr(row) for row in rows):
                found[relation] = count
    return found


def test_an_account_is_erased_and_another_is_not(demo_home: DemoHome, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    published = home / "warehouse.duckdb"
    shutil.copy(demo_home.home / "warehouse.duckdb", published)
    shutil.copy(demo_home.home / "warehouse.duckdb", home / "run" / "warehouse.duckdb")
    shutil.copy(demo_home.home / "settings.env", home / "settings.env")
    with duckdb.connect(str(published), read_only=True) as connection:
        account, other = (
            row[0]
            for row in connection.execute(
                "select account_id from marts.fct_discrepancies where account_id in "
                "(select account_id from raw.engine__subs_customer group by 1 having count(*) > 0) "
                "and account_id not in (select account_id from "
                "intermediate.int_drift__merged_accounts) "
                "group by 1 order by count(*) desc, 1 limit 2"
            ).fetchall()
        )
    before, others = mentions(published, account), mentions(published, other)
    assert {"raw.engine__subs_account", "marts.dim_accounts"} <= before.keys()
    done = run_paygo(home, "erase", account, "--request", "DSR-17", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["is_gone"] and document["left"] == {}
    assert document["rows_deleted"] == sum(document["deleted"].values()) > 10
    assert mentions(published, account) == {}
    assert mentions(published, other) == others
    with duckdb.connect(str(published), read_only=True) as connection:
        (request, rows, verified) = connection.execute(
            "select request, rows_deleted, verified from ops.erasures"
        ).fetchone() or (None, None, None)
    assert (request, rows, verified) == ("DSR-17", document["rows_deleted"], True)
    again = run_paygo(home, "erase", account)
    assert again.returncode == 1 and "no raw table knows the account" in again.stderr
