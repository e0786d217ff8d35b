"""What reading side by side changes in the interpreter, and that it is undone."""

from __future__ import annotations

import gc
import sys

import pytest

from orchestration.sources.parallel import many_threads


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
