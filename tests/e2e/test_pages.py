"""The demo's site as a whole: complete, small, and without anybody's account on it."""

from __future__ import annotations

import gzip
import re

import duckdb

from tests.conftest import DemoHome

IDS = """
select account_id from marts.dim_accounts
union select stripe_customer_id from marts.dim_accounts
union select entity_id from reporting.rpt_drift_current
union select discrepancy_id from reporting.rpt_drift_current
"""


def test_no_account_customer_or_discrepancy_is_named_on_any_page(demo_home: DemoHome) -> None:
    with duckdb.connect(str(demo_home.home / "warehouse.duckdb"), read_only=True) as warehouse:
        ids = {str(row[0]) for row in warehouse.execute(IDS).fetchall() if row[0]}
    assert len(ids) > 1_000
    named = {
        page.name: found
        for page in (demo_home.home / "site").rglob("*.html")
        if (found := ids & set(re.findall(r"[\w-]+", page.read_text())))
    }
    assert named == {}


def test_every_page_of_the_demo_is_small_and_all_are_there(demo_home: DemoHome) -> None:
    site = demo_home.home / "site"
    pages = {page.relative_to(site).as_posix(): page for page in site.rglob("*.html")}
    assert {"index.html", "glossary.html", "knowledge.html", "claims.html"} <= set(pages)
    assert len([page for page in pages if page.startswith("metrics/")]) == 19
    assert len([page for page in pages if page.startswith("workstreams/")]) == 4
    assert len([page for page in pages if page.startswith("digests/")]) == 13
    weights = {name: len(gzip.compress(page.read_bytes())) for name, page in pages.items()}
    assert {name: weight for name, weight in weights.items() if weight > 250_000} == {}
