"""The demo's site as a whole: complete, small, and without anybody's account on it."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.simulation.changes import World, read_changes
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


def people(home: Path) -> set[str]:
    """E-mail addresses and names that the sources of the demo hold: canaries of every account."""
    found: set[str] = set()
    for folder in World.open(home / "world").folders_until(datetime.max.replace(tzinfo=UTC)):
        for change in read_changes(folder.file("stripe", "customers")):
            row = change.row or {}
            found |= {str(row[field]) for field in ("email", "name", "phone") if row.get(field)}
    return found


def leaks(text: str, people: set[str]) -> set[str]:
    """Which of them stand in a text; all other addresses at their domain too."""
    words = set(re.findall(r"[\w.+-]+@[\w-]+\.[\w.-]*\w", text)) | set(re.findall(r"\w+ \w+", text))
    # Names overlap when two words are taken at a time: look at the pairs that begin one later.
    words |= set(re.findall(r"\w+ \w+", text.partition(" ")[2])) | set(re.findall(r"\+\d+", text))
    return (words & people) | {word for word in words if word.endswith("@example.com")}


def test_no_person_of_the_sources_is_in_pages_digests_logs_or_the_warehouse(
    demo_home: DemoHome,
) -> None:
    home = demo_home.home
    planted = people(home)
    assert len([p for p in planted if p.endswith("@example.com")]) > 200
    for person in planted:
        assert leaks(f"told by {person}, yesterday", planted), person
    digest = demo_home.paygo("digest", "--week", "2026-W12")
    assert digest.returncode == 0, digest.stderr
    told = {"output of the demo": demo_home.result.stdout + demo_home.result.stderr}
    told["output of the digest"] = digest.stdout + digest.stderr
    folders = [home / name for name in ("site", "digests", "logs", "docs", "data_docs")]
    for path in (p for folder in folders if folder.exists() for p in folder.rglob("*")):
        if path.is_file():
            told[str(path.relative_to(home))] = path.read_text(errors="replace")
    assert any(name.startswith("digests/") for name in told)
    assert any(name.startswith("site/digests/") for name in told)
    assert {name: found for name, text in told.items() if (found := leaks(text, planted))} == {}
    # The file is compressed, so its rows are asked, and not its bytes.
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        tables = warehouse.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema in ('raw', 'ops', 'staging', 'marts', 'metrics', 'reporting')"
        ).fetchall()
        assert len(tables) > 100
        for (name,) in tables:
            sql = f"select count(*) from {name} as r where contains(r::varchar, '@example.com')"
            assert warehouse.execute(sql).fetchone() == (0,), name
