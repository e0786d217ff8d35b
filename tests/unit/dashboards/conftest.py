"""One built site a state (Stripe old, everything fresh), shared by the page's unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboards.build import SiteReport, build_site
from orchestration.settings import Settings
from tests.unit.dashboards.reporting_fixture import AT, FixtureWarehouse, reporting_warehouse


@pytest.fixture(scope="session")
def stale_site(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[FixtureWarehouse, SiteReport, Settings]]:
    settings = Settings(home=tmp_path_factory.mktemp("stale"))
    with reporting_warehouse() as warehouse:
        yield warehouse, build_site(warehouse, settings, AT), settings


@pytest.fixture
def warehouse() -> Iterator[FixtureWarehouse]:
    """A warehouse of its own for tests that change it."""
    with reporting_warehouse() as opened:
        yield opened


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"))
