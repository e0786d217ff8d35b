"""The pages at a reader's end: weight, first paint on a slow processor, and time to build them.

The site is that of `<home>/site` when a demo has left one, otherwise that of the tests' small
warehouse; the row says which. Without a Chromium the paint is left out, with a word on stderr.
"""

from __future__ import annotations

import gzip
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dashboards.build import build_site
from orchestration.settings import Settings
from tests.browser_setup import ARGUMENTS, find_chromium
from tests.unit.dashboards.reporting_fixture import AT, reporting_warehouse

PAINT_MILLISECONDS = 500.0
PAGE_BYTES = 250_000.0
BUILD_SECONDS = 10.0
SLOWED = 4
_VISITS = 11
_PAINTED = """() => new Promise((done) => {
  const said = () => performance.getEntriesByName("first-contentful-paint")[0];
  if (said()) return done(said().startTime);
  new PerformanceObserver((list, observer) => {
    if (said()) { observer.disconnect(); done(said().startTime); }
  }).observe({ type: "paint", buffered: true });
})"""


def measure(home: Path) -> list[dict[str, Any]]:
    """Return the rows of the pages: heaviest page, first paint, seconds of a build."""
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as folder:
        started = time.perf_counter()
        with reporting_warehouse() as warehouse:
            small = build_site(warehouse, Settings(home=Path(folder)), AT).path
        seconds = time.perf_counter() - started
        page, said = home / "site" / "index.html", "the demo's"
        if not page.is_file():
            page, said = small, "the small fixture's"
        pages = sorted(page.parent.rglob("*.html"))
        heaviest = max(len(gzip.compress(p.read_bytes())) for p in pages)
        rows = [
            _row(f"heaviest of {said} pages, compressed", heaviest, "bytes", PAGE_BYTES),
            _row("all pages of the small fixture, built", seconds, "s", BUILD_SECONDS),
        ]
        paint = _first_paint(page)
    if paint is not None:
        milliseconds, floor = paint
        name = (
            f"first contentful paint of {said} page, processor {SLOWED} times slower "
            f"(a page of one line: {floor:.0f} ms)"
        )
        rows.append(_row(name, milliseconds, "ms", PAINT_MILLISECONDS))
    return rows


def _row(name: str, value: float, unit: str, budget: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "against": f"budget of {budget:,.0f} {unit}",
        "ratio": value / budget,
        "limit": 1.0,
        "better": "lower",
    }


def _first_paint(page: Path) -> tuple[float, float] | None:
    """Median milliseconds of several visits: the page, and before it a page of one line.

    Every visit is a fresh context in a browser that runs already: starting a renderer and finding
    the system's fonts is the browser's time, and the page of one line pays for it.
    """
    chromium = find_chromium()
    if chromium is None:
        print("no Chromium: first contentful paint is not measured", file=sys.stderr)
        return None
    from playwright.sync_api import sync_playwright

    line = page.with_name(".one-line.html")
    line.write_text("<!doctype html><title>one line</title><p>One line.", encoding="utf-8")
    found: list[float] = []
    floor: list[float] = []
    unused: list[float] = []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            for _ in range(_VISITS):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                tab = context.new_page()
                session = context.new_cdp_session(tab)
                session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
                for target, times in ((line, unused), (line, floor), (page, found)):
                    tab.goto(target.resolve().as_uri())
                    times.append(float(tab.evaluate(_PAINTED)))
                context.close()
            browser.close()
    finally:
        line.unlink()
    return statistics.median(found), statistics.median(floor)
