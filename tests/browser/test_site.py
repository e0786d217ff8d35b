"""All pages of the site in a real browser: quiet, traced, accessible, reachable, printable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import KINDS, SMALL_FIRST, one_of_each, visit
from tests.browser.test_page import (
    BARE_NUMBERS,
    CLAIMS_WITHOUT_OPENER,
    CLAIMS_WITHOUT_SOURCE,
    FEW_ENTRIES,
    violations,
)

pytestmark = pytest.mark.browser

# Every figure is walked by key: focus, then Enter, which presses the link that has the focus.
# Within a closed heading Enter opens that first. Answers name figures whose source and age are
# not reached with two presses.
WALK = r"""() => {
  const proof = document.getElementById("proof");
  // What the entry says counts here; that the browser shows it as a dialog, and gives the keys to
  // it, is asked elsewhere, once a kind of page: a layout for each of thousands would take minutes.
  proof.showModal = () => proof.setAttribute("open", "");
  proof.close = () => proof.removeAttribute("open");
  Object.defineProperty(proof, "scrollTop", { set() {}, configurable: true });
  const bad = [];
  const pressed = new Map();
  const closed = new Set(document.querySelectorAll("details:not([open])"));
  const says = (text) => /Sources/.test(text) &&
    /as of \d{4}-\d\d-\d\d|has no age: authored|Age\s*unknown|never read/i.test(text);
  const presses = (element) => {
    let count = 0;
    for (let at = element; at; at = at.parentElement) if (closed.has(at)) count += 1;
    return count;
  };
  const depth = new Map();
  const all = [...document.querySelectorAll("main [data-claim], header [data-claim]")];
  for (const figure of all) depth.set(figure, presses(figure));
  for (const figure of all) {
    if (figure.closest("details.source")) continue;
    for (let at = figure; at; at = at.parentElement) if (closed.has(at)) at.open = true;
  }
  // All are given the focus first: pressing changes the page, and each focus asks for its layout.
  for (const figure of all) {
    if (figure.closest("details.source")) continue;
    const id = figure.dataset.claim;
    const target = figure.matches("a") ? figure : figure.querySelector(`a[data-open="${id}"]`);
    if (!target) continue;
    target.focus({ preventScroll: true });
    if (document.activeElement !== target) bad.push(id + ": takes no focus");
  }
  let walked = 0;
  for (const figure of all) {
    const id = figure.dataset.claim;
    if (figure.matches("details.source")) {
      // An entry of the list of sources: its heading, then the entry itself.
      if (depth.get(figure) > 2) bad.push(id + ": too deep");
      if (!says(figure.textContent)) bad.push(id + ": no source or age in its entry");
      walked += 1;
      continue;
    }
    if (figure.closest("details.source")) continue;
    const target = figure.matches("a") ? figure : figure.querySelector(`a[data-open="${id}"]`);
    if (!target) { bad.push(id + ": nothing to press"); continue; }
    if (depth.get(figure) + 1 > 2) bad.push(id + ": more than two presses");
    walked += 1;
    // A figure that stands twice on a page is pressed once: its link must be the same.
    const link = target.getAttribute("href");
    if (pressed.has(id)) {
      if (pressed.get(id) !== link) bad.push(id + ": leads elsewhere");
      continue;
    }
    pressed.set(id, link);
    target.click();
    const said = proof.open ? document.getElementById("proof-body").textContent : "";
    if (!proof.open || !said.includes(id)) bad.push(id + ": does not open");
    else if (!says(said)) bad.push(id + ": no source or age");
    proof.close();
  }
  return { bad, walked };
}"""

WIDER = """() => [...document.querySelectorAll("main table")]
  .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((e) => e.className)"""


@pytest.mark.parametrize("site", SMALL_FIRST, indirect=True)
def test_every_page_opens_from_disk_without_request_or_complaint(
    chromium: Browser, site: Path
) -> None:
    pages = sorted(site.parent.rglob("*.html"))
    assert len(pages) > 30
    with visit(chromium, site) as seen:
        for page in pages:
            seen.page.goto(page.as_uri())
        # A file is asked for itself and for nothing else.
        assert seen.requests == [site.as_uri(), *(page.as_uri() for page in pages)]
        assert seen.complaints == []


def test_every_link_between_pages_leads_somewhere(chromium: Browser, site: Path) -> None:
    missing = []
    with visit(chromium, site, script=False) as seen:
        for page in one_of_each(site):
            seen.page.goto(page.as_uri())
            for href in _links(seen.page):
                place = (page.parent / href).resolve()
                if not place.is_file():
                    missing.append(f"{page.name} → {href}")
    assert missing == []


def _links(page: Page) -> set[str]:
    hrefs: list[str] = page.evaluate(
        "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
    )
    return {href.partition("#")[0] for href in hrefs if not href.startswith("#")}


def test_every_number_of_every_page_has_provenance(chromium: Browser, small_site: Path) -> None:
    bare: dict[str, Any] = {}
    with visit(chromium, small_site) as seen:
        for page in sorted(small_site.parent.rglob("*.html")):
            seen.page.goto(page.as_uri())
            found = [seen.page.evaluate(BARE_NUMBERS), seen.page.evaluate(CLAIMS_WITHOUT_SOURCE)]
            found.append(seen.page.evaluate(CLAIMS_WITHOUT_OPENER))
            if any(found):
                bare[page.name] = found
    assert bare == {}


def walk(page: Page, site: Path) -> int:
    """Walk every figure of every page of a site; return how many there were."""
    walked = 0
    for place in sorted(site.parent.rglob("*.html")):
        page.goto(place.as_uri())
        found = page.evaluate(WALK)
        assert found["bad"] == [], place.name
        assert found["walked"] > 0, place.name
        walked += int(found["walked"])
    return walked


def test_every_number_shows_source_and_age_within_two_keys(
    chromium: Browser, small_site: Path
) -> None:
    with visit(chromium, small_site) as seen:
        assert walk(seen.page, small_site) > 4_000


def test_a_number_without_a_way_to_its_source_would_be_found(
    chromium: Browser, small_site: Path
) -> None:
    with visit(chromium, small_site.parent / "metrics" / "stuck_events.html") as seen:
        assert seen.page.evaluate(WALK)["bad"] == []
        seen.page.evaluate(
            """() => {
              const [a, b, c] = document.querySelectorAll("main .said a.n, #evidence a.n");
              a.removeAttribute("href");
              document.getElementById("source-" + b.dataset.claim).querySelector("ul").remove();
              c.outerHTML = "<details><summary>x</summary><details><summary>y</summary>" +
                c.outerHTML + "</details></details>";
            }"""
        )
        bad = " ".join(seen.page.evaluate(WALK)["bad"])
        assert "takes no focus" in bad and "more than two presses" in bad


@pytest.mark.full
def test_every_number_of_the_demo_shows_source_and_age(chromium: Browser, site: Path) -> None:
    with visit(chromium, site) as seen:
        assert walk(seen.page, site) > 4_000


@pytest.mark.parametrize("kind", KINDS[:6])
def test_keys_reach_what_can_be_pressed(chromium: Browser, small_site: Path, kind: str) -> None:
    """Tab goes through the first forty stops in the order of the page, and Enter opens a figure."""
    with visit(chromium, small_site) as seen:
        page = seen.page
        page.goto((small_site.parent / kind).as_uri())
        stops = page.evaluate(
            "[...document.querySelectorAll('a[href], button, summary, [tabindex=\"0\"], select')]"
            ".filter(e => e.checkVisibility() && e.tabIndex >= 0).length"
        )
        reached = []
        for _ in range(min(40, stops)):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
        assert len(set(reached)) >= min(30, stops - 2)
        page.locator("main a[data-claim]").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#proof")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#proof")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_kind_of_page(
    chromium: Browser, small_site: Path, scheme: str
) -> None:
    found = {}
    with visit(chromium, small_site, scheme=scheme) as seen:
        for page in one_of_each(small_site)[1:]:
            seen.page.goto(page.as_uri())
            seen.page.evaluate(FEW_ENTRIES)
            # The scheme changes colours only.
            rules = None if scheme == "light" else ["color-contrast"]
            said = violations(seen.page, "body", rules)
            if said:
                found[page.name] = said
    assert found == {}


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(chromium: Browser, small_site: Path, width: int) -> None:
    wide = []
    with visit(chromium, small_site, width=width) as seen:
        for page in one_of_each(small_site):
            seen.page.goto(page.as_uri())
            widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
            content, room = seen.page.evaluate(widths)
            if content > room:
                wide.append((page.name, content, room))
    assert wide == []


def test_print_cuts_no_drawing(chromium: Browser, small_site: Path) -> None:
    """In print no drawing and no table is wider than its sheet; no drawing breaks over two."""
    with visit(chromium, small_site, width=700) as seen:
        for page in one_of_each(small_site)[:6]:
            seen.page.goto(page.as_uri())
            seen.page.emulate_media(media="print")
            cut = seen.page.evaluate(
                """() => [...document.querySelectorAll("main svg")].filter((svg) => {
                  const box = svg.getBoundingClientRect();
                  const holder = svg.closest("figure, .card, tr, .lineage, li, p, section");
                  if (!box.width || svg.matches(".icon")) return false;
                  const unbroken = !svg.closest("figure") ||
                    getComputedStyle(svg.closest("figure")).breakInside === "avoid";
                  return box.right > document.documentElement.clientWidth + 1 || !unbroken ||
                    getComputedStyle(holder).overflowX === "hidden";
                }).map((svg) => svg.parentElement.outerHTML.slice(0, 120))"""
            )
            assert cut == [], page.name
            assert seen.page.evaluate(WIDER) == [], page.name
            assert len(seen.page.pdf(format="A4")) > 10_000


def test_two_editions_are_compared(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        page = seen.page
        page.goto((small_site.parent / "editions/index.html").as_uri())
        expect(page.locator(".comparison").first).to_be_visible()
        page.locator("select[name=then]").select_option("0")
        expect(page.locator("#compared")).to_contain_text("same figures")
        page.locator("select[name=then]").select_option("1")
        rows = page.locator("#compared tbody tr")
        expect(rows).to_have_count(2)
        expect(page.locator("#compared")).to_contain_text("metric.stuck_events.value")
        rows.last.locator("a").last.click()
        # The address changes before the page it names is there: what follows waits for it.
        expect(page.locator("[id='source-metric.stuck_events.value'] dl")).to_be_visible()
        assert seen.complaints == []


def test_table_sorts_by_value(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        seen.page.goto((small_site.parent / "metrics/index.html").as_uri())
        seen.page.get_by_role("button", name="Value and unit").click()
        values = seen.page.locator(".board tbody .value a.n").all_inner_texts()
        numbers = [float(v.split("\n")[0].split(" ")[0].replace(",", "")) for v in values]
        assert numbers == sorted(numbers) and len(numbers) == 18


def test_permanent_link_of_a_claim_opens_it(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        address = (small_site.parent / "claims.html").as_uri()
        seen.page.goto(f"{address}#source-metric.stuck_events.value")
        source = seen.page.locator("[id='source-metric.stuck_events.value'] dl")
        expect(source).to_be_visible()
        assert "rpt_metric_status" in source.inner_text()
