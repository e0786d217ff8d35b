"""A simulated year: every real incident is paged once, none is lost, all end, few messages."""

from __future__ import annotations

import pytest

from tests.bench.alert_year import Replay, replay


def hold(done: Replay) -> None:
    pages = {real: done.pages(real) for real in done.year.reals}
    assert len(pages) == 24
    assert {len(p) for p in pages.values()} == {1}
    for real, [(at, _)] in pages.items():
        assert at == real.start, "no quiet hour and no flapping delays what is critical"
    assert done.unresolved() == []
    assert not any(i.is_live for i in done.incidents.values())
    assert done.fewer >= 0.8


def test_a_year_at_eight_evaluations_a_day_pages_what_is_real_and_little_else() -> None:
    hold(replay(seed=1, step_hours=3))


@pytest.mark.full
@pytest.mark.parametrize("seed", range(5))
def test_the_same_at_every_hour(seed: int) -> None:
    hold(replay(seed))
