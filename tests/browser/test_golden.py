"""The first screen against kept pictures at three widths, and the boxes of its parts.

Pictures are compared coarsely (blocks of pixels), since two builds of Chromium smooth text
differently. `PAYGO_WRITE_GOLDENS=1` writes them anew; look at them before you commit them.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import visit

pytestmark = pytest.mark.browser

GOLDENS = Path(__file__).parents[1] / "fixtures" / "golden"
FONT = "Liberation Sans"
BLOCKS_OFF = 0.03
"""Share of blocks (8 × 8 pixels) that may differ by more than `LEVELS_OFF` of 255."""
LEVELS_OFF = 28

HAS_FONT = """(name) => {
  const pen = document.createElement("canvas").getContext("2d");
  const width = (font) => { pen.font = font; return pen.measureText("mmmmmmmmlliWQ7").width; };
  return width(`40px "${name}", monospace`) !== width("40px monospace");
}"""

COMPARE = """async ([kept, now, block, off]) => {
  const load = async (data) => {
    const picture = new Image();
    picture.src = "data:image/png;base64," + data;
    await picture.decode();
    return picture;
  };
  const [a, b] = [await load(kept), await load(now)];
  if (a.width !== b.width || a.height !== b.height) return 1;
  const [w, h] = [Math.floor(a.width / block), Math.floor(a.height / block)];
  const blocks = (picture) => {
    const canvas = new OffscreenCanvas(w, h);
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, 0, 0, w, h);
    return pen.getImageData(0, 0, w, h).data;
  };
  const [x, y] = [blocks(a), blocks(b)];
  let differing = 0;
  for (let i = 0; i < x.length; i += 4) {
    const far = Math.max(...[0, 1, 2].map((c) => Math.abs(x[i + c] - y[i + c])));
    if (far > off) differing += 1;
  }
  return differing / (w * h);
}"""


def _picture(page: Page) -> str:
    return base64.b64encode(page.screenshot(animations="disabled")).decode()


def _difference(browser: Browser, kept: str, now: str) -> float:
    context = browser.new_context()
    try:
        share: float = context.new_page().evaluate(COMPARE, [kept, now, 8, LEVELS_OFF])
    finally:
        context.close()
    return share


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (768, "dark"), (1280, "light")])
def test_first_screen_looks_as_it_was_agreed(
    chromium: Browser, small_site: Path, width: int, scheme: str
) -> None:
    golden = GOLDENS / f"first-screen-{width}-{scheme}.png"
    with visit(chromium, small_site, width=width, scheme=scheme) as seen:
        if not seen.page.evaluate(HAS_FONT, FONT):
            pytest.skip(f"the pictures were taken with {FONT}, which is not installed here")
        now = _picture(seen.page)
    if os.environ.get("PAYGO_WRITE_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(base64.b64decode(now))
    kept = base64.b64encode(golden.read_bytes()).decode()
    assert _difference(chromium, kept, now) <= BLOCKS_OFF


def test_a_moved_part_would_be_seen(chromium: Browser, small_site: Path) -> None:
    with visit(chromium, small_site) as seen:
        before = _picture(seen.page)
        seen.page.evaluate("document.querySelector('.answers').style.marginTop = '60px'")
        after = _picture(seen.page)
        assert _difference(chromium, before, before) == 0
        assert _difference(chromium, before, after) > BLOCKS_OFF


def test_parts_of_the_first_screen_stand_where_they_belong(
    chromium: Browser, small_site: Path
) -> None:
    """Holds on any machine, whatever its fonts."""
    parts = ("h1", "#h-state", ".rail", ".railkey", ".answers", "nav.sections")
    with visit(chromium, small_site) as seen:
        boxes: list[dict[str, Any]] = [seen.page.locator(p).first.bounding_box() for p in parts]  # type: ignore[misc]
        tops = [box["y"] for box in boxes]
        assert tops == sorted(tops)
        assert len({round(box["x"]) for box in boxes}) == 1, "one left edge"
        assert tops[-2] < 500, "the answers begin on the first screen"
        worry = seen.page.locator(".worries .amount").all()
        rights = {round(b["x"] + b["width"]) for a in worry if (b := a.bounding_box())}
        assert len(rights) == 1, "numbers are aligned"
