"""Names from data in scripts written from right to left, with markup and turning characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dashboards.build import build_site
from orchestration.settings import Settings
from tests.browser.conftest import one_of_each, visit
from tests.unit.dashboards.reporting_fixture import AT, reporting_warehouse

pytestmark = pytest.mark.browser

ARABIC, HEBREW = "رسوم مزدوجة", "חוב רע"
EVIL = "\u202e<script>document.title='x'</script>\"'><img src=x onerror=alert()>"

# Text of a right-to-left script must stand in a box of its own direction; no character that
# turns direction may be left.
LOOSE = r"""() => {
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { data, parentElement } = walk.currentNode;
    if (parentElement.closest("script, style, pre")) continue;
    if (/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(data)) bad.push("turns: " + data);
    if (!/[\u0590-\u08ff]/.test(data)) continue;
    let isolated = false;
    for (let at = parentElement; at && !isolated; at = at.parentElement) {
      const style = getComputedStyle(at);
      const alone = [...at.childNodes].every((c) => c.nodeType !== 3 || !/\d/.test(c.data));
      isolated = /isolate|plaintext/.test(style.unicodeBidi) ||
        (at.tagName === "CODE") || (style.display !== "inline" && alone);
    }
    if (!isolated) bad.push(data);
  }
  return bad;
}"""

# In "name (228)" the number stands to the right of the name, as in every other line.
ORDER = r"""() => [...document.querySelectorAll("bdi")].filter((name) => {
  const next = name.nextElementSibling;
  if (!next || !next.matches("a.n")) return false;
  const [a, b] = [name.getClientRects(), next.getClientRects()];
  const [end, begin] = [a[a.length - 1], b[0]];
  return Math.abs(end.top - begin.top) < 4 && begin.left < end.right - 1;
}).map((name) => name.parentElement.textContent)"""


@pytest.fixture(scope="module")
def foreign_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small site with names that would turn or break what stands around them."""
    with reporting_warehouse() as warehouse:
        for table, column, where, text in (
            ("rpt_ticket_categories", "title", "category = 'payment_block'", ARABIC),
            ("rpt_ticket_categories", "title", "category = 'subscription_lifecycle'", HEBREW),
            ("rpt_ticket_categories", "title", "category = 'bad_debt'", EVIL),
            ("rpt_ticket_categories", "mechanism", "category = 'payment_block'", f"{ARABIC} 7"),
            ("rpt_metric_status", "title", "metric_id = 'bad_debt_accounts'", HEBREW),
            ("rpt_metric_status", "definition", "metric_id = 'stuck_events'", EVIL),
            ("rpt_metric_status", "owner", "metric_id = 'stuck_events'", EVIL),
            (
                "rpt_stream_status",
                "last_error",
                "last_status = 'failed'",
                f"{HEBREW} {EVIL} of key 4",
            ),
            ("rpt_graph_status", "statement", "kind = 'workstream'", f"{ARABIC} {EVIL}"),
            ("rpt_patterns", "title", "true", f"{HEBREW} {EVIL}"),
            ("rpt_hypotheses", "title", "status = 'supported'", ARABIC),
        ):
            sql = f"update reporting.{table} set {column} = ? where {where}"
            warehouse.connection.execute(sql, [text])
        home = tmp_path_factory.mktemp("foreign")
        return build_site(warehouse, Settings(home=home), AT).path


def test_names_run_nothing_turn_nothing_and_keep_their_place(
    chromium: Browser, foreign_site: Path
) -> None:
    loose, seen_names = {}, 0
    with visit(chromium, foreign_site) as seen:
        for page in one_of_each(foreign_site):
            seen.page.goto(page.as_uri())
            assert "PayGO platform" in seen.page.title()
            found = seen.page.evaluate(LOOSE) + seen.page.evaluate(ORDER)
            if found:
                loose[page.name] = found
            seen_names += seen.page.locator("bdi").count()
            expect(seen.page.locator("main img")).to_have_count(0)
        assert seen.complaints == []
        assert all(url.startswith("file:") and url.endswith(".html") for url in seen.requests)
    assert loose == {}
    assert seen_names > 20


def test_without_isolation_a_number_would_change_its_place(
    chromium: Browser, foreign_site: Path
) -> None:
    with visit(chromium, foreign_site) as seen:
        assert seen.page.evaluate(ORDER) == []
        seen.page.add_style_tag(content="bdi, a.n { unicode-bidi: normal !important; }")
        assert seen.page.evaluate(ORDER) != []
