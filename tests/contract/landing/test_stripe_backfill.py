"""A backfill that breaks off goes on where it was: nothing lost, nothing twice."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from orchestration.extraction import extract_source
from orchestration.extraction.backfill import Backfills
from orchestration.settings import Settings
from orchestration.simulation.platform import SimulatedPlatform
from orchestration.sources.stripe import StripeSource
from orchestration.sources.stripe_plan import Covered
from orchestration.warehouse import Warehouse, open_warehouse
from tests.contract.landing.conftest import Extract, settings_for
from tests.contract.simulation.handmade import BASE, NEXT

STREAMS = {"stripe.customers", "stripe.subscriptions", "stripe.subscription_items"}
HOUR = timedelta(hours=1)
EVERYBODY = {f"cus_{n:014d}" for n in range(1, 26)} | {f"sub_{n:024d}" for n in range(1, 13)}
"""Every customer and subscription that the lists show."""


class Crash(BaseException):
    """The process ends here: no handler of the program sees it."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small pages, a checkpoint after each, and one request at a time."""
    monkeypatch.setattr("orchestration.sources.stripe_plan.PAGE", 3)
    monkeypatch.setattr("orchestration.extraction.checkpoints.KEEP_ROWS", 1)


def crash_after(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Let the process end when so many pages of lists have been taken and kept."""
    count, keep = itertools.count(1), Backfills.cover

    def cover(self: Backfills, covered: Covered) -> None:
        keep(self, covered)
        if next(count) >= pages:
            raise Crash

    monkeypatch.setattr(Backfills, "cover", cover)


def rows(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    return {
        stream: warehouse.rows(
            f"select * exclude (_as_of, _load_id) from raw.{stream.replace('.', '__')} order by all"
        )
        for stream in sorted(STREAMS)
    }


def break_off(extract: Extract, monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Begin a backfill that ends with its process once so many pages have come."""
    with monkeypatch.context() as patch, pytest.raises(Crash):
        crash_after(patch, pages)
        extract("stripe", streams=STREAMS)


def note_listed(patch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the ids of customers and subscriptions read from lists."""
    listed: list[str] = []
    page = StripeSource.page

    def note(self: StripeSource, path: str, params: Any) -> Any:
        found = page(self, path, params)
        if path in ("/v1/customers", "/v1/subscriptions"):
            listed.extend(o["id"] for o in found[0])
        return found

    patch.setattr(StripeSource, "page", note)
    return listed


def undisturbed(
    platform: SimulatedPlatform, home: Path, as_of: datetime
) -> dict[str, list[dict[str, Any]]]:
    """Return what a run without a crash lands."""
    with open_warehouse(Settings(home=home), "write") as other:
        extract_source(
            "stripe",
            settings=settings_for(platform, home, as_of),
            warehouse=other,
            as_of=as_of,
            run_id="other",
            streams=STREAMS,
        )
        return rows(other)


@pytest.mark.parametrize("pages", [1, 4, 9])
def test_an_interrupted_backfill_goes_on_where_it_was(
    pages: int,
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = undisturbed(platform, tmp_path / "other", BASE)
    break_off(extract, monkeypatch, pages)
    assert all(not found for found in rows(warehouse).values()), "nothing is half visible"
    with monkeypatch.context() as patch:
        listed = note_listed(patch)
        outcomes = extract("stripe", streams=STREAMS)
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert rows(warehouse) == expected
    objects = len(expected["stripe.customers"]) + len(expected["stripe.subscriptions"])
    # A page of three gives one object at least that need not be listed again.
    assert len(listed) <= objects - pages
    assert not list((tmp_path / "run" / "backfill").iterdir())


def test_a_backfill_under_another_hash_key_starts_anew(
    extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(extract, monkeypatch, 4)
    listed = note_listed(monkeypatch)
    extract("stripe", streams=STREAMS, hash_key=SecretStr("another"))
    assert set(listed) >= EVERYBODY


def test_what_was_read_with_another_key_is_not_mixed_in(
    extract: Extract, platform: SimulatedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(extract, monkeypatch, 4)
    # The simulated server knows one key; to the extraction it is that of another account.
    known = platform.endpoints.stripe_api_key
    monkeypatch.setattr(
        "orchestration.extraction.stripe.StripeSource",
        lambda _, *args, **options: StripeSource(known, *args, **options),
    )
    listed = note_listed(monkeypatch)
    outcomes = extract("stripe", streams=STREAMS, stripe_api_key=SecretStr("rk_test_other"))
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert set(listed) >= EVERYBODY


def test_a_lost_page_is_read_again_and_a_damaged_checkpoint_is_not_used(
    extract: Extract, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(extract, monkeypatch, 4)
    for about in (tmp_path / "run" / "backfill").glob("*/about.json"):
        about.write_text("{")
    outcomes = extract("stripe", streams=STREAMS)
    assert outcomes["stripe.customers"].rows_appended == 25


def left_by_a_kill(backfill: Path) -> None:
    for about in backfill.glob("*/about.json"):
        following = len(list(about.parent.glob("[0-9]*")))
        (about.parent / f"{following:06d}.tmp").mkdir()


def cut(pattern: str) -> Callable[[Path], None]:
    """Return what leaves half of each of these files, as a power loss does."""

    def damage(backfill: Path) -> None:
        files = list(backfill.glob(pattern))
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return damage


def reshape(backfill: Path) -> None:
    for about in backfill.glob("*/about.json"):
        about.write_text("[]")


def lose_rows(backfill: Path) -> None:
    for file in backfill.glob("*/[0-9]*/*.arrow"):
        file.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], None], bool]] = {
    "killed while it wrote": (left_by_a_kill, True),
    "a list of stretches is cut": (cut("*/[0-9]*/covered.json"), False),
    "rows are cut": (cut("*/[0-9]*/*.arrow"), False),
    "rows are lost": (lose_rows, False),
    "what it is about is of another shape": (reshape, False),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_kill_or_a_power_loss_leaves_stops_no_later_run(
    damage: str,
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change, is_used = DAMAGES[damage]
    expected = undisturbed(platform, tmp_path / "other", BASE)
    break_off(extract, monkeypatch, 4)
    change(tmp_path / "run" / "backfill")
    with monkeypatch.context() as patch:
        listed = note_listed(patch)
        outcomes = extract("stripe", streams=STREAMS)
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert rows(warehouse) == expected
    objects = len(expected["stripe.customers"]) + len(expected["stripe.subscriptions"])
    assert (len(listed) < objects) is is_used
    assert not list((tmp_path / "run" / "backfill").iterdir())


@pytest.mark.parametrize("name", ["about.json.tmp", "covered.json"])
def test_a_full_disk_ends_the_keeping_and_not_the_run(
    name: str, extract: Extract, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def full(self: Path, *args: Any, **options: Any) -> int:
        if self.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    outcomes = extract("stripe", streams=STREAMS)
    assert {o.status for o in outcomes.values()} == {"ok"}
    assert outcomes["stripe.customers"].rows_appended == 25


def test_lists_are_read_whole_again_after_some_days(
    extract: Extract, platform: SimulatedPlatform, warehouse: Warehouse
) -> None:
    extract("stripe", streams=STREAMS)
    with_feed = extract("stripe", streams=STREAMS, as_of=BASE + HOUR)
    assert {o.mode for o in with_feed.values()} == {"delta"}
    platform.take_requests()
    week = extract("stripe", streams=STREAMS, as_of=BASE + timedelta(days=7))
    assert {o.mode for o in week.values()} == {"sweep"}
    assert {(o.rows_appended, o.rows_deleted) for o in week.values()} == {(0, 0)}
    assert platform.take_requests()["stripe /v1/customers"] >= 9
    again = extract("stripe", streams=STREAMS, as_of=BASE + timedelta(days=7) + HOUR)
    assert {o.mode for o in again.values()} == {"delta"}


def test_what_changed_between_crash_and_resumption_is_read_again(
    extract: Extract,
    platform: SimulatedPlatform,
    warehouse: Warehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Last of this module: the platform goes forward only."""
    with monkeypatch.context() as patch, pytest.raises(Crash):
        seen = note_listed(patch)
        crash_after(patch, 9)
        extract("stripe", streams={"stripe.customers"})
    deleted = f"cus_{25:014d}"
    assert deleted in seen, "it was read before the crash, and is gone before the next run"
    platform.advance(NEXT)
    outcome = extract("stripe", streams={"stripe.customers"}, as_of=NEXT)["stripe.customers"]
    assert outcome.status == "ok"
    found = {
        r["customer_id"] for r in warehouse.rows("select customer_id from raw.stripe__customers")
    }
    assert found == {f"cus_{n:014d}" for n in range(1, 25)}
