"""What a reader sees beside a number: late sources, failed checks, broken queries, deliveries."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dashboards import charts
from dashboards.build import SiteReport, build_site
from dashboards.evidence import read_evidence
from dashboards.render import inert, label, plain_text
from orchestration.settings import Settings
from tests.unit.dashboards.reporting_fixture import AT, NOW, FixtureWarehouse
from tests.unit.dashboards.test_site import Built

LINK = re.compile(r'<a class="n[^"]*" data-claim="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


def _numbers(site: Path) -> dict[str, set[str]]:
    """Every text in which a claim is linked as a figure, on any page, by claim id."""
    found: dict[str, set[str]] = {}
    for page in site.rglob("*.html"):
        for claim_id, text in LINK.findall(page.read_text()):
            found.setdefault(claim_id, set()).add(re.sub(r"<[^>]+>", "", text))
    return found


@pytest.fixture
def troubled(warehouse: FixtureWarehouse, settings: Settings) -> tuple[SiteReport, Path]:
    """A site with one failed check and one broken query."""
    warehouse.connection.execute(
        "update reporting.rpt_metric_status set check_verdict = 'failed'"
        " where metric_id = 'stuck_events'"
    )
    warehouse.connection.execute(
        "insert into reporting.rpt_checks select 'metric.volume.stuck_events', subject_kind,"
        " subject, 'volume', expectation, observed, 'failed', message, evaluated_at"
        " from reporting.rpt_checks where subject = 'stuck_events'"
    )
    warehouse.connection.execute("alter table reporting.rpt_bad_debt drop column exits")
    report = build_site(warehouse, settings, AT)
    return report, report.path.parent


def test_trouble_shows_at_every_number_it_touches_and_at_the_top(
    troubled: tuple[SiteReport, Path],
) -> None:
    report, site = troubled
    numbers = _numbers(site)
    touched = [f"metric.stuck_events.{c}" for c in ("value", "first_mean", "trend_mean", "change")]
    for claim_id in touched:
        assert all("(a check failed)" in text for text in numbers[claim_id]), claim_id
    assert all("(the query failed)" in text for text in numbers["bad_debt.exits_total"])
    marked = {c for c, texts in numbers.items() if any("check failed" in text for text in texts)}
    assert marked == set(touched), "and at no other number"
    top = report.path.read_text()
    top = top[top.index('id="h-stale"') : top.index('id="headlines"')]
    assert re.search(r"Checks failed</strong> on <a[^>]*><code>stuck_events</code></a>:", top)
    assert "<code>bad_debt.exits_total</code>" in top
    assert "Figures that rest on them carry a cross" in (site / "glossary.html").read_text()
    proof = (site / "metrics" / "stuck_events.html").read_text()
    assert "measured, fresh; a check failed" in proof and "failed (volume)" in proof


def test_a_late_source_alone_marks_its_numbers_with_a_clock_only(stale_site: Built) -> None:
    numbers = _numbers(stale_site[1].path.parent)
    assert all("(stale by 2 days)" in text for text in numbers["metric.bad_debt_accounts.value"])
    assert not any("check" in text for texts in numbers.values() for text in texts)


def test_a_source_is_late_when_its_model_says_so_whatever_its_age(
    warehouse: FixtureWarehouse,
) -> None:
    def is_late(hours: int, is_stale: bool) -> bool:
        warehouse.connection.execute(
            "update reporting.rpt_stream_status set as_of = ?, age_hours = ?, is_stale = ?"
            " where stream = 'jira.issues'",
            [NOW - timedelta(hours=hours), hours, is_stale],
        )
        return read_evidence(warehouse).source("jira.issues").is_stale

    assert not is_late(40, is_stale=False), "a weekend lies between"
    assert is_late(27, is_stale=True)


def test_what_a_source_said_ends_as_a_sentence(
    warehouse: FixtureWarehouse, settings: Settings
) -> None:
    warehouse.connection.execute(
        "update reporting.rpt_stream_status set last_error = 'Stripe answered 401'"
        " where last_status = 'failed'"
    )
    text = build_site(warehouse, settings, AT).path.read_text()
    assert re.search(r"Stripe answered 401</a></span>\. <a", text)


def test_a_delivered_prediction_is_drawn_before_and_after(stale_site: Built) -> None:
    site = stale_site[1].path.parent
    page = (site / "workstreams" / "smart-checkout.html").read_text()
    part = page[page.index('id="before-after"') : page.index('id="h-pred"')]
    for said in (">delivered</text>", ">without it</text>", ">predicted</text>", ">190</text>"):
        assert part.count(said) == 1, said
    assert part.count('<th scope="row">2026-') == 28, "the table holds every day"
    assert part.count('<td class="num">–</td>') == 14, "and no counterfactual before delivery"
    assert 'data-claim="hypothesis.rollbacks.series"' in part
    assert 'href="workstreams/smart-checkout.html#course-hypothesis.rollbacks"' in (
        stale_site[1].path.read_text()
    )
    other = (site / "workstreams" / "dunning-brain.html").read_text()
    assert "Not delivered yet." in other and ">delivered</text>" not in other


def test_before_and_after_needs_a_day_after() -> None:
    days = [(f"2026-03-{d:02}", (Decimal(40 - d), None)) for d in range(1, 9)]
    assert charts.before_after(days, Decimal(3)) == ""
    after = [*days, ("2026-03-09", (Decimal(5), Decimal(36))), ("2026-03-10", (Decimal(4), None))]
    svg = charts.before_after(after, None)
    assert ">delivered</text>" in svg and "predicted" not in svg
    assert svg == charts.before_after(after, None)


def test_a_restated_day_has_a_ring_in_the_course(stale_site: Built) -> None:
    site = stale_site[1].path.parent / "metrics"
    drawn, plain = ((site / f"{m}.html").read_text() for m in ("stuck_events", "bad_debt_accounts"))
    assert "value said before a restatement" in drawn and 'fill="var(--paper)"' in drawn
    assert 'fill="var(--paper)"' not in plain


def test_old_sources_come_first_with_what_rests_on_them(stale_site: Built) -> None:
    text = (stale_site[1].path.parent / "knowledge.html").read_text()
    part = text[text.index('id="blast"') :]
    assert part.index("stripe.customers") < part.index("jira.issues")
    assert 'data-claim="graph.blast"' in part and "metric.stuck_events" not in part


def test_text_from_right_to_left_is_isolated_and_turns_nothing_around() -> None:
    assert inert("חוב") == '<bdi dir="auto">חוב</bdi>'
    assert label("رسوم W12") == '<bdi dir="auto">رسوم <span data-label="name">W12</span></bdi>'
    assert inert("a < b") == "a &lt; b" and label("plain") == "plain"
    assert plain_text("invoice\u202efdp\u2066x\u200f") == "invoice\ufffdfdp\ufffdx\ufffd"
    assert plain_text("naïve – ‚quoted‘") == "naïve – ‚quoted‘"
