"""What reading side by side changes in the interpreter, and that it is undone."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from orchestration.sources.parallel import ahead, many_threads


def _settings() -> tuple[object, float]:
    return gc.get_threshold(), sys.getswitchinterval()


def test_the_interpreter_is_as_before_once_the_last_reader_has_ended() -> None:
    before = _settings()
    first, second = many_threads(), many_threads()
    first.__enter__()
    assert sys.getswitchinterval() < before[1]
    assert gc.get_threshold()[0] > gc.get_threshold()[1] > 0
    during = _settings()
    second.__enter__()
    first.__exit__(None, None, None)
    assert _settings() == during
    second.__exit__(None, None, None)
    assert _settings() == before


def test_a_reader_that_fails_changes_nothing_for_others() -> None:
    before = _settings()
    with pytest.raises(ValueError, match="broken"), many_threads():
        raise ValueError("broken")
    assert _settings() == before


def numbers(upto: int, asked: list[int]) -> Iterator[int]:
    for number in range(upto):
        asked.append(number)
        yield number
    raise ValueError("no more")


def test_items_are_fetched_ahead_and_an_error_comes_after_them() -> None:
    asked: list[int] = []
    coming = ahead(numbers(3, asked))
    assert next(coming) == 0
    until = time.monotonic() + 20
    while len(asked) < 3:
        assert time.monotonic() < until, "nothing was fetched before it was asked for"
        time.sleep(0.01)
    assert [next(coming), next(coming)] == [1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(coming)


@pytest.mark.parametrize("upto", [10**9, 3, 2])
def test_whoever_stops_early_ends_the_fetching(upto: int) -> None:
    """Also when all is fetched, and the end or an error waits for room that nobody makes."""
    before = threading.active_count()
    asked: list[int] = []
    coming = ahead(numbers(upto, asked), waiting=2 if upto > 2 else 1)
    assert next(coming) == 0
    time.sleep(0.1)
    stopping = threading.Thread(target=coming.close, daemon=True)  # type: ignore[attr-defined]
    stopping.start()
    stopping.join(20)
    assert not stopping.is_alive(), "it waits for ever"
    # One was taken, two may wait, and one was on its way.
    assert len(asked) <= 4
    assert threading.active_count() == before


def test_nothing_to_fetch_is_nothing_fetched() -> None:
    assert list(ahead(iter(()))) == []
