"""A real Chromium over the page's file; without one everything here is skipped, with reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from dashboards.build import build_site
from orchestration.settings import Settings
from tests.browser_setup import ARGUMENTS, find_chromium
from tests.unit.dashboards.reporting_fixture import AT, reporting_warehouse


@dataclass
class Visit:
    """An open page with what it asked of the network and said on the console."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: run tests/browser_setup.py, or name one in PAYGO_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the small fixture, its second edition: Stripe two days old."""
    settings = Settings(home=tmp_path_factory.mktemp("small"))
    with reporting_warehouse() as warehouse:
        build_site(warehouse, settings, AT)
        warehouse.connection.execute(
            "update reporting.rpt_metric_status set value = value + 2 where metric_id in "
            "('stuck_events', 'checkout_rollbacks_per_day')"
        )
        return build_site(warehouse, settings, AT).path


SMALL_FIRST = ["small", pytest.param("demo", marks=pytest.mark.full)]
"""For what takes long on the demo's pages and is the same templates' doing on small ones."""


@pytest.fixture(params=["small", "demo"])
def site(request: pytest.FixtureRequest, small_site: Path) -> Path:
    """The small page, and the demo's page when this run has made a demo."""
    if request.param == "small":
        return small_site
    try:
        home = request.getfixturevalue("demo_home")
    except pytest.FixtureLookupError:
        pytest.skip("this run has no demo (fixture demo_home)")
    page = Path(str(getattr(home, "home", home))) / "site" / "index.html"
    if not page.is_file():
        pytest.skip(f"the demo has no page at {page.name}")
    return page


KINDS = (
    "index.html",
    "glossary.html",
    "knowledge.html",
    "metrics/index.html",
    "metrics/bad_debt_accounts.html",
    "workstreams/dunning-brain.html",
    "digests/index.html",
    "digests/2026-W12.html",
    "editions/index.html",
    "claims.html",
)
"""One page of every kind; the page of an edition is found by its name."""


def one_of_each(site: Path) -> list[Path]:
    """Return one page of every kind of a built site, given its first page."""
    pages = [site.parent / kind for kind in KINDS]
    editions = sorted(site.parent.glob("editions/[0-9a-f]*.html"))
    return [page for page in pages if page.is_file()] + editions[:1]


@contextmanager
def visit(
    browser: Browser, path: Path, *, width: int = 1280, scheme: str = "light", script: bool = True
) -> Iterator[Visit]:
    """Open the file from disk in a fresh context and record requests and complaints."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
    )
    page = context.new_page()
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: seen.complaints.append(said.text) if said.type != "debug" else None,
    )
    page.goto(path.as_uri())
    try:
        yield seen
    finally:
        context.close()
