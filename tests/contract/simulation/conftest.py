"""One simulated platform over the hand-made world for all tests of the servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from orchestration.simulation.platform import SimulatedPlatform
from tests.contract.simulation.handmade import BASE, NEXT, base_folder, next_folder, write_world


@pytest.fixture(scope="session")
def world_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-made world on disk."""
    folders = [(BASE, base_folder()), (NEXT, next_folder())]
    return write_world(tmp_path_factory.mktemp("world"), folders)


@pytest.fixture(scope="session")
def running(
    world_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimulatedPlatform]:
    """The platform at the first boundary."""
    with SimulatedPlatform(world_dir, tmp_path_factory.mktemp("home")) as platform:
        platform.advance(BASE)
        yield platform


@pytest.fixture
def platform(running: SimulatedPlatform) -> Iterator[SimulatedPlatform]:
    """The running platform, healthy again after each test."""
    running.take_requests()
    yield running
    running.heal()


def stripe_client(platform: SimulatedPlatform, key: str | None = None) -> stripe.StripeClient:
    """The official client, without retries of its own."""
    ends = platform.endpoints
    return stripe.StripeClient(
        key or ends.stripe_api_key,
        base_addresses={"api": ends.stripe_api_base},
        max_network_retries=0,
    )


@pytest.fixture
def client(platform: SimulatedPlatform) -> stripe.StripeClient:
    """The official client with the right key."""
    return stripe_client(platform)
