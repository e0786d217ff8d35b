"""The platform as a whole: its clock, its restarts, and what it says when it cannot start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import stripe

from orchestration.errors import ContractViolation, PermanentFailure
from orchestration.settings import Settings
from orchestration.simulation.platform import SimulatedPlatform
from tests.contract.simulation.conftest import stripe_client
from tests.contract.simulation.handmade import (
    BASE,
    NEXT,
    REVOKED,
    base_folder,
    postgres_row,
    write_world,
)


@pytest.fixture(scope="module")
def moved(world_dir: Path, homes: Path) -> Iterator[SimulatedPlatform]:
    """A platform that goes from the first boundary to the second."""
    with SimulatedPlatform(world_dir, homes / "moved") as platform:
        platform.advance(BASE)
        platform.advance(NEXT)
        yield platform


def keys(dsn: str, query: str) -> list[object]:
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute(query.encode()).fetchall()]


def test_postgres_changes_arrive_with_the_boundary(moved: SimulatedPlatform) -> None:
    ends = moved.endpoints
    assert keys(ends.core_dsn, "select zone_id from www.zones order by 1") == [
        "key_1",
        "key_2",
        "key_9",
    ]
    assert keys(ends.engine_dsn, "select stuck_event_id from subs_stuck_events") == ["key_2"]
    flags = "select flags from subs_account order by account_id"
    assert keys(ends.engine_dsn, flags) == [7, 32768, 7, 7, 7]


def test_stripe_changes_arrive_with_the_boundary(moved: SimulatedPlatform) -> None:
    client = stripe_client(moved)
    gone, new = f"cus_{25:014d}", f"cus_{26:014d}"
    listed = [c.id for c in client.v1.customers.list({"limit": 100})]
    assert (listed[0], len(listed), gone in listed) == (new, 25, False)
    body = client.v1.customers.retrieve(gone)
    assert body.to_dict() == {"id": gone, "object": "customer", "deleted": True}
    items = client.v1.subscription_items.list({"subscription": f"sub_{1:024d}", "limit": 100})
    assert f"si_{112:014d}" not in [i.id for i in items]
    detached = f"pm_{2:024d}"
    assert detached not in [m.id for m in client.v1.payment_methods.list()]
    assert client.v1.payment_methods.retrieve(detached).customer is None
    events = {e.id: e for e in client.v1.events.list()}
    assert f"evt_{5:024d}" not in events  # now older than 30 days
    deletion = events[f"evt_{7:024d}"].data.object
    assert deletion["email"] == "person25@example.com"  # the event still has the body


def test_postgres_resumes_goes_back_or_starts_over(
    world_dir: Path, homes: Path, tmp_path: Path
) -> None:
    home = homes / "resumed"
    marker = "create table public.proof (x integer)"
    with SimulatedPlatform(world_dir, home) as platform:
        platform.advance(BASE)
        with platform.postgres.admin("subscriptions") as connection:
            connection.execute(marker)
    with SimulatedPlatform(world_dir, home) as platform:
        platform.advance(NEXT + timedelta(hours=3))
        with platform.postgres.admin("subscriptions") as connection:
            found = connection.execute("select to_regclass('public.proof') is not null").fetchone()
            assert found == (True,)  # the database was not built again
        assert keys(platform.endpoints.engine_dsn, "select stuck_event_id from subs_stuck_events")
        assert platform.holdings()["now"] == "2026-02-23T03:00:00Z"
        assert platform.holdings()["stripe"]["customers"] == 26
    with SimulatedPlatform(world_dir, home) as platform:
        platform.advance(BASE)  # back: it is
        query = "select stuck_event_id from subs_stuck_events order by 1"
        assert keys(platform.endpoints.engine_dsn, query) == ["key_1", "key_2"]
    other = {"engine.subs_account": [postgres_row("engine.subs_account", 77)]}
    changed = write_world(tmp_path / "other", [(BASE, {**base_folder(), **other})])
    (changed / "world.json").write_text('{"seed": 2}')
    with SimulatedPlatform(changed, home) as platform:
        platform.advance(BASE - timedelta(days=1))
        assert set(platform.holdings()["stripe"].values()) == {0}
        assert stripe_client(platform).v1.customers.list().data == []
        platform.advance(BASE)
        accounts = "select account_id from subs_account"
        assert keys(platform.endpoints.engine_dsn, accounts) == ["key_77"]


def test_time_goes_forward_only(moved: SimulatedPlatform) -> None:
    with pytest.raises(PermanentFailure, match="cannot go back"):
        moved.advance(BASE)
    assert stripe_client(moved).v1.customers.retrieve(f"cus_{26:014d}").id


def test_the_key_is_revoked_when_the_world_says_so(moved: SimulatedPlatform) -> None:
    client = stripe_client(moved)
    moved.advance(REVOKED - timedelta(seconds=1))
    assert client.v1.customers.list().data
    moved.advance(REVOKED)
    with pytest.raises(stripe.AuthenticationError, match="Expired API Key"):
        client.v1.customers.list()


def test_the_environment_is_what_the_settings_read(
    moved: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in moved.environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(tmp_path)
    ends = moved.endpoints
    assert settings.stripe_api_base == ends.stripe_api_base
    assert settings.engine_dsn is not None
    assert settings.engine_dsn.get_secret_value() == ends.engine_dsn
    assert settings.jira_email == ends.jira_email
    assert ends.stripe_api_base.startswith("http://127.0.0.1:")


def test_a_port_in_use_is_named_and_nothing_is_left_running(
    world_dir: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PermanentFailure, match=f"Port {port} .* cannot be used") as caught:
            SimulatedPlatform(world_dir, tmp_path, port=port).start()
    assert caught.value.todo
    assert not (tmp_path / "postgres").exists()


def test_a_folder_that_cannot_be_written_is_named(world_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(PermanentFailure, match=str(file / "home")):
        SimulatedPlatform(world_dir, file / "home").start()


def test_a_missing_world_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="paygo world"):
        SimulatedPlatform(tmp_path / "nowhere", tmp_path).start()


def test_a_bad_change_is_named_and_loads_nothing(homes: Path, tmp_path: Path) -> None:
    bad = {"engine.subs_account": [postgres_row("engine.subs_account", 1, flags="many")]}
    world = write_world(tmp_path / "world", [(BASE, base_folder()), (NEXT, bad)])
    folder = world / "changes" / f"001-{NEXT:%Y%m%dT%H%M%SZ}"
    with SimulatedPlatform(world, homes / "bad") as platform:
        platform.advance(BASE)
        with pytest.raises(ContractViolation, match=r"subs_account.jsonl.*column flags"):
            platform.advance(NEXT)
        (folder / "engine.subs_account.jsonl").write_text('{"op":"upsert","row":{"x":1}}\n')
        with pytest.raises(ContractViolation, match=r"line 1: .* unknown \['x'\]"):
            platform.advance(NEXT)
        flags = "select flags from subs_account order by account_id"
        assert keys(platform.endpoints.engine_dsn, flags) == [7, 7, 7, 7, 7]
