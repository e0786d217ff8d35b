"""The page in a real browser, opened from disk: quiet, traced, accessible, fit for a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SMALL_FIRST, visit

pytestmark = pytest.mark.browser

# Every visible text with a digit that stands neither in a claim nor in a label.
BARE_NUMBERS = r"""() => {
  const bare = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const holder = walk.currentNode.parentElement;
    if (holder.closest("script, style") || !/\d/.test(walk.currentNode.data)) continue;
    if (!holder.closest("[data-claim], [data-label]")) bare.push(walk.currentNode.data.trim());
  }
  return bare;
}"""

CLAIMS_WITHOUT_SOURCE = """() => [...document.querySelectorAll("[data-claim]")]
  .map((element) => element.dataset.claim)
  .filter((id) => {
    const source = document.getElementById("source-" + id);
    return !source || source.querySelectorAll("dl > dt").length < 7 ||
      !source.querySelector("pre").textContent.includes("select");
  })"""

# Claims that are no link themselves must hold one, or the keyboard cannot open them.
CLAIMS_WITHOUT_OPENER = """() => [...document.querySelectorAll("main [data-claim]")]
  .filter((e) => !e.matches("a[href], details") && !e.querySelector("a[data-open]"))
  .map((e) => e.dataset.claim)"""


def test_opens_from_disk_without_request_or_complaint(chromium: Browser, site: Path) -> None:
    with visit(chromium, site) as seen:
        assert seen.page.title().startswith("State of the Union")
        seen.page.mouse.wheel(0, 4000)
        assert seen.requests == [site.as_uri()]
        assert seen.complaints == []


def test_every_number_has_provenance(chromium: Browser, site: Path) -> None:
    with visit(chromium, site) as seen:
        assert seen.page.locator("[data-claim]").count() > 100
        assert seen.page.evaluate(BARE_NUMBERS) == []
        assert seen.page.evaluate(CLAIMS_WITHOUT_SOURCE) == []
        assert seen.page.evaluate(CLAIMS_WITHOUT_OPENER) == []


def test_a_bare_number_would_be_found(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        seen.page.evaluate("document.querySelector('main').append('about 27 percent')")
        assert seen.page.evaluate(BARE_NUMBERS) == ["about 27 percent"]


@pytest.mark.parametrize("how", ["click", "enter"])
def test_a_number_opens_its_source(chromium: Browser, site: Path, how: str) -> None:
    with visit(chromium, site) as seen:
        figure = seen.page.locator("#board a[data-claim='metric.stuck_events.value']").first
        if how == "click":
            figure.click()
        else:
            figure.focus()
            seen.page.keyboard.press("Enter")
        proof = seen.page.locator("#proof")
        expect(proof).to_be_visible()
        said = proof.inner_text()
        for part in ("Value", "Status", "Last check", "Owner", "Sources", "Query", "Query hash"):
            assert part in said
        assert "reporting.rpt_metric_status" in said
        assert "engine.subs_stuck_events" in said
        seen.page.keyboard.press("Escape")
        expect(proof).to_be_hidden()
        assert seen.complaints == []


def test_a_drawing_and_a_row_open_their_source(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        seen.page.locator("#tickets figure svg").first.click()
        expect(seen.page.locator("#proof")).to_contain_text("rpt_tickets_weekly")
        seen.page.locator("#proof [data-close]").click()
        seen.page.locator(".heat tbody tr td").first.click()
        expect(seen.page.locator("#proof")).to_contain_text("rpt_tickets_weekly")


def test_sources_open_without_script(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site, script=False) as seen:
        seen.page.locator("#board a[data-claim='metric.stuck_events.value']").first.click()
        source = seen.page.locator("[id='source-metric.stuck_events.value']")
        expect(source).to_be_visible()
        expect(seen.page.locator(".filters")).to_be_hidden()


def test_board_filter_shows_only_what_was_asked(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        rows = seen.page.locator(".board tbody tr:visible")
        expect(rows).to_have_count(18)
        seen.page.get_by_role("button", name="Stale").click()
        expect(rows).to_have_count(11)
        assert seen.page.get_by_role("button", name="Stale").get_attribute("aria-pressed") == "true"
        seen.page.get_by_role("button", name="All").click()
        expect(rows).to_have_count(18)


# Hundreds of entries come from one template: some of them speak for all.
FEW_ENTRIES = """() => {
  for (const e of [...document.querySelectorAll("details.source")].slice(30)) e.remove();
}"""


@pytest.mark.parametrize("site", SMALL_FIRST, indirect=True)
def test_axe_finds_no_violation(
    chromium: Browser, site: Path, request: pytest.FixtureRequest
) -> None:
    with visit(chromium, site) as seen:
        if "small" in request.node.name:
            seen.page.evaluate(FEW_ENTRIES)
        assert violations(seen.page, "body") == []
        seen.page.locator("#headlines a[data-claim]").first.click()
        assert violations(seen.page, "#proof") == []


def test_axe_finds_every_text_legible_in_the_dark(chromium: Browser, small_site: Path) -> None:
    colours = ["color-contrast"]  # nothing else changes with the scheme
    with visit(chromium, small_site, scheme="dark") as seen:
        seen.page.evaluate(FEW_ENTRIES)
        assert violations(seen.page, "body", colours) == []
        seen.page.locator("#headlines a[data-claim]").first.click()
        assert violations(seen.page, "#proof", colours) == []


@pytest.mark.parametrize("width", [390, 768, 1920])
def test_no_horizontal_scroll(chromium: Browser, site: Path, width: int) -> None:
    with visit(chromium, site, width=width) as seen:
        widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        wide, room = seen.page.evaluate(widths)
        assert wide <= room


def violations(page: Any, part: str, rules: list[str] | None = None) -> list[str]:
    """What axe says about a part of the page, all rules or those named."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(page, context=part, options=options).response["violations"]
    return [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in found
        for node in v["nodes"]
    ]
