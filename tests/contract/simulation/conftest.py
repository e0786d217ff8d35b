"""One simulated platform over the hand-made world for all tests of the servers."""

from __future__ import annotations

import tempfile
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
def homes() -> Iterator[Path]:
    """Where platforms keep their data: not below pytest's own folder.

    As root the server runs as another user, and every pytest that starts closes the
    common parent of all temporary folders to others.
    """
    with tempfile.TemporaryDirectory(prefix="paygo-platform-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def running(world_dir: Path, homes: Path) -> Iterator[SimulatedPlatform]:
    """The platform at the first boundary."""
    with SimulatedPlatform(world_dir, homes / "running") as platform:
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
