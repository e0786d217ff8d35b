"""The built page: provenance of every number, sameness of bytes, honesty about old evidence."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dashboards.build import SiteReport, build_site, write_atomically
from dashboards.guard import require_provenance
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from tests.unit.dashboards.reporting_fixture import AT, FixtureWarehouse, reporting_warehouse

Built = tuple[FixtureWarehouse, SiteReport, Settings]


class Figures(HTMLParser):
    """Text of every link that carries a claim, by claim id (the first one on the page)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: dict[str, str] = {}
        self.classes: dict[str, str] = {}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        claim = given.get("data-claim") or ""
        if tag == "a" and claim and claim not in self.text:
            self._inside = claim
            self.text[claim] = ""
            self.classes[claim] = given.get("class") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.text[self._inside] += data


def test_page_is_one_small_file_that_asks_for_nothing(stale_site: Built) -> None:
    page = stale_site[1].path.read_bytes()
    assert len(gzip.compress(page)) <= 250_000
    text = page.decode()
    for reaching_out in ("http://", "https://", "src=", "url(", "@import", "<iframe", "fetch("):
        assert reaching_out not in text, reaching_out


def test_building_again_changes_neither_bytes_nor_editions(stale_site: Built) -> None:
    warehouse, first, settings = stale_site
    before = first.path.read_bytes()
    again = build_site(warehouse, settings, AT)
    assert again.path.read_bytes() == before
    assert (again.edition_id, again.is_new_edition) == (first.edition_id, False)
    assert first.is_new_edition
    assert warehouse.rows("select count(*) as n from ops.editions") == [{"n": 1}]
    stored = warehouse.rows("select count(*) as n from ops.claims")
    assert stored == [{"n": first.claims}]


def test_two_machines_build_the_same_bytes(stale_site: Built, settings: Settings) -> None:
    with reporting_warehouse() as other:
        report = build_site(other, settings, AT)
    assert report.path.read_bytes() == stale_site[1].path.read_bytes()


def test_every_claim_of_the_page_is_stored_with_its_value(stale_site: Built) -> None:
    warehouse, report, _ = stale_site
    figures = Figures(report.path.read_text())
    stored = {r["claim_id"]: r for r in warehouse.rows("select * from ops.claims")}
    assert set(figures.text) <= set(stored)
    assert figures.text["freshness.fresh"] == "7"
    assert figures.text["freshness.stale"] == "11"
    assert stored["freshness.stale"]["value_text"] == "11"
    assert figures.text["tickets.total"] == "793"
    assert stored["tickets.total"]["sources"].startswith("jira.issues@2026-03-24T00:00:00Z")


def test_an_old_number_says_so_at_the_number(stale_site: Built) -> None:
    figures = Figures(stale_site[1].path.read_text())
    assert "(stale by 2 days)" in figures.text["metric.bad_debt_accounts.value"]
    assert "is-stale" in figures.classes["metric.bad_debt_accounts.value"]
    assert figures.text["metric.bad_debt_accounts.stale_by"] == "2 days"
    assert "stale" not in figures.text["metric.checkout_rollbacks_per_day.value"]


def test_banner_names_the_source_and_its_streams(stale_site: Built) -> None:
    text = stale_site[1].path.read_text()
    banner = text[text.index('class="banner"') : text.index('id="headlines"')]
    assert "Stripe could not be read." in banner
    assert "stripe.invoice_payments" in banner
    assert "the API key was revoked" in banner
    assert "Jira" not in banner


def test_fresh_state_has_no_banner_and_no_old_number(settings: Settings) -> None:
    with reporting_warehouse(stale=False) as warehouse:
        text = build_site(warehouse, settings, AT).path.read_text()
    assert 'class="banner"' not in text
    assert "is-stale" not in text.replace("a.n.is-stale", "")
    assert Figures(text).text["freshness.fresh"] == "18"
    assert "stand on fresh evidence" in text


def test_stream_that_was_never_read_is_named(
    warehouse: FixtureWarehouse, settings: Settings
) -> None:
    warehouse.connection.execute(
        "update reporting.rpt_stream_status set as_of = null, age_hours = null, last_status = null "
        "where stream = 'tickets.classifications'"
    )
    text = build_site(warehouse, settings, AT).path.read_text()
    assert "Ticket classification was never read." in text
    assert "(age unknown)" in Figures(text).text["tickets.total"]


def test_error_of_a_source_is_short_and_holds_no_key(
    warehouse: FixtureWarehouse, settings: Settings
) -> None:
    said = "Stripe refused rk_test_" + "*" * 8 + "631e Tried: GET /v1/events. To do: a new key"
    warehouse.connection.execute(
        "update reporting.rpt_stream_status set last_error = ? where last_status = 'failed'", [said]
    )
    text = build_site(warehouse, settings, AT).path.read_text()
    assert Figures(text).text["source.stripe.error"] == "Stripe refused (key)"
    assert "631e" not in text
    stored = "select value_text from ops.claims where claim_id = 'source.stripe.error'"
    assert "631e" not in str(warehouse.rows(stored))


def test_broken_check_is_named_on_top(warehouse: FixtureWarehouse, settings: Settings) -> None:
    warehouse.connection.execute(
        "update reporting.rpt_metric_status set check_verdict = 'broken' where metric_id = "
        "'stuck_events'"
    )
    text = build_site(warehouse, settings, AT).path.read_text()
    assert re.search(r"Checks could not run</strong> on <code>stuck_events</code>", text)


def test_names_from_data_are_inert(warehouse: FixtureWarehouse, settings: Settings) -> None:
    evil = "<script>alert(1)</script>\"'><img onerror=x>"
    warehouse.connection.execute("update reporting.rpt_ticket_categories set title = ?", [evil])
    warehouse.connection.execute("update reporting.rpt_metric_status set definition = ?", [evil])
    warehouse.connection.execute("update reporting.rpt_stream_status set last_error = ?", [evil])
    text = build_site(warehouse, settings, AT).path.read_text()
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script>") == 1


@pytest.mark.parametrize("statement", ["delete from", "drop table"])
def test_sections_without_rows_say_so(
    warehouse: FixtureWarehouse, settings: Settings, statement: str
) -> None:
    models = {
        "rpt_ticket_categories": "tickets",
        "rpt_drift_daily": "drift",
        "rpt_bad_debt": "bad-debt",
        "rpt_graph_honesty": "honesty",
    }
    for table in models:
        warehouse.connection.execute(f"{statement} reporting.{table}")
    text = build_site(warehouse, settings, AT).path.read_text()
    for table, section in models.items():
        start = text.index(f'<section id="{section}"')
        assert f"<code>{table}</code> has no rows" in text[start : start + 2000]


@pytest.mark.parametrize("statement", ["delete from", "drop table"])
def test_without_status_models_nothing_is_written(
    warehouse: FixtureWarehouse, settings: Settings, statement: str
) -> None:
    warehouse.connection.execute(f"{statement} reporting.rpt_metric_status")
    with pytest.raises(PermanentFailure, match=r"rpt_metric_status.*paygo run"):
        build_site(warehouse, settings, AT)
    assert not settings.site_path.exists()
    assert warehouse.rows("select * from ops.claims") == []


def test_a_metric_that_was_never_observed_has_a_page_without_a_number(
    warehouse: FixtureWarehouse, settings: Settings
) -> None:
    """As after a first run: no complete day yet, so no value and no trend."""
    warehouse.connection.execute(
        "update reporting.rpt_metric_status set value = null, trend_mean_7d = null, "
        "first_mean_7d = null, change_ratio = null where metric_id = 'stuck_events'"
    )
    warehouse.connection.execute(
        "delete from reporting.rpt_metric_series where metric_id = 'stuck_events'"
    )
    page = build_site(warehouse, settings, AT).path
    row = re.search(r"<tr[^>]*>(?:(?!</tr>).)*metrics/stuck_events.html.*?</tr>", page.read_text())
    assert row and "no trend yet" in row.group()
    own = (page.parent / "metrics" / "stuck_events.html").read_text()
    assert "No trend yet" in own


def test_page_later_than_its_models_says_so(
    warehouse: FixtureWarehouse, settings: Settings
) -> None:
    text = build_site(warehouse, settings, AT + timedelta(hours=5)).path.read_text()
    assert "built for an earlier moment" in text
    assert "built for an earlier moment" not in build_site(warehouse, settings, AT).path.read_text()


def test_folder_that_cannot_be_written_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file where the folder should be")
    with pytest.raises(PermanentFailure, match="could not be written"):
        write_atomically(tmp_path / "site" / "index.html", "new")
    old = tmp_path / "index.html"
    old.mkdir()
    with pytest.raises(PermanentFailure, match="could not be written"):
        write_atomically(old, "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "site"]


def test_restated_value_stands_on_its_metrics_page(stale_site: Built) -> None:
    page = stale_site[1].path.parent / "metrics" / "stuck_events.html"
    text = page.read_text()
    part = text[text.index('id="restatements"') : text.index('id="checks"')]
    assert ">31</td>" in part and ">33</td>" in part and "late data" in part
    other = (page.parent / "bad_debt_accounts.html").read_text()
    assert "No past value was said differently later" in other


def test_guard_refuses_a_bare_number() -> None:
    require_provenance('<p>In <span data-label="week">W12</span> some</p>')
    require_provenance('<a data-claim="a">48</a><details id="source-a">x</details>')
    with pytest.raises(PermanentFailure, match=r"number without provenance: <p> 27 percent"):
        require_provenance("<p>27 percent</p>")
    with pytest.raises(PermanentFailure, match="number without provenance"):
        require_provenance('<p><a data-claim="a">4</a><br>8</p><i id="source-a"></i>')
    with pytest.raises(PermanentFailure, match="claim without an entry among the sources: a"):
        require_provenance('<a data-claim="a">48</a>')
    with pytest.raises(PermanentFailure, match="id used twice: x"):
        require_provenance('<i id="x"></i><i id="x"></i>')
