"""Quiet hours on the wall's clock, mutes, and who gets what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.alerting.hold import Mute, is_muted, is_quiet, parse_quiet_hours
from orchestration.alerting.policy import Cause, Incident, Notice, evaluate
from orchestration.alerting.routing import parse_routes
from orchestration.errors import PermanentFailure

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)


def incident(**changes: object) -> Incident:
    made = Cause("late_source", "stripe", "warning", ("team",), ("a", "b"), "late")
    return replace(evaluate([made], [], NOW).incidents[0], **changes)  # type: ignore[arg-type]


def quiet_instants(text: str, first: datetime, hours: int) -> int:
    """Quarter hours of quiet in so many hours from `first`."""
    quiet = parse_quiet_hours(text)
    steps = (first + timedelta(minutes=15 * n) for n in range(hours * 4))
    return sum(is_quiet(incident(), quiet, at) for at in steps)


def test_a_night_is_nine_hours_eight_in_spring_and_ten_in_autumn() -> None:
    text = "22:00-07:00@Europe/Berlin"
    assert quiet_instants(text, datetime(2026, 3, 24, 12, tzinfo=UTC), 24) == 9 * 4
    # The clock is put forward on 29 March 2026 (a day of 23 h) and back on 25 October (25 h).
    assert quiet_instants(text, datetime(2026, 3, 28, 12, tzinfo=UTC), 24) == 8 * 4
    assert quiet_instants(text, datetime(2026, 10, 24, 12, tzinfo=UTC), 24) == 10 * 4


def test_quiet_hours_in_the_hour_that_comes_twice_hold_both_times() -> None:
    text = "02:00-03:00@Europe/Berlin"
    assert quiet_instants(text, datetime(2026, 10, 24, 22, tzinfo=UTC), 24) == 2 * 4
    # The hour that is skipped in spring is not there at all.
    assert quiet_instants(text, datetime(2026, 3, 28, 22, tzinfo=UTC), 24) == 0


def test_what_a_long_night_held_back_is_told_in_the_morning_of_the_wall() -> None:
    quiet = parse_quiet_hours("22:00-07:00@Europe/Berlin")
    known: list[Incident] = []
    told = []
    first = datetime(2026, 10, 24, 21, tzinfo=UTC)  # 23:00 on the wall
    cause = Cause("metric_level", "a", "warning", ("team",), ("a",), "a is high")
    for n in range(60):
        at = first + timedelta(minutes=15 * n)
        found = evaluate([cause], known, at, is_held=lambda i, at=at: is_quiet(i, quiet, at))
        known = list(found.incidents)
        told += [at for _ in found.notices]
    assert told == [datetime(2026, 10, 25, 6, tzinfo=UTC)]  # 07:00 on the wall, an hour later


def test_reminders_count_hours_that_pass_not_those_of_the_wall() -> None:
    known: list[Incident] = []
    told = []
    first = datetime(2026, 3, 28, 6, tzinfo=UTC)
    cause = Cause("metric_level", "a", "critical", ("team",), ("a",), "a is high")
    for n in range(30):
        found = evaluate([cause], known, first + timedelta(hours=n))
        known = list(found.incidents)
        told += [n for _ in found.notices]
    assert told == [0, 4, 28]


def test_a_critical_incident_wakes_and_a_resolved_one_does_not() -> None:
    quiet = parse_quiet_hours("00:00-23:59@UTC")
    assert is_quiet(incident(), quiet, NOW)
    assert not is_quiet(incident(severity="critical"), quiet, NOW)
    assert is_quiet(incident(severity="critical", state="resolved"), quiet, NOW)


def test_an_incident_is_quiet_only_when_all_its_owners_are() -> None:
    quiet = parse_quiet_hours("a=00:00-23:59@UTC b=20:00-22:00@UTC")
    assert is_quiet(incident(owners=("a",)), quiet, NOW)
    assert not is_quiet(incident(owners=("a", "b")), quiet, NOW)
    assert not is_quiet(incident(owners=("c",)), quiet, NOW)


@pytest.mark.parametrize("text", ["22-07@UTC", "22:00-07:00", "22:00-07:00@Moon/Base", "a=25:00-1"])
def test_quiet_hours_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(PermanentFailure, match="PAYGO_ALERT_QUIET_HOURS"):
        parse_quiet_hours(text)


@pytest.mark.parametrize(
    ("subject", "matches"),
    [
        ("all", True),
        ("source:stripe", True),
        ("source:jira", False),
        ("owner:team", True),
        ("owner:other", False),
        ("metric:a", False),  # the incident is about b too
        ("late_source:stripe:20260324T060000Z", True),
        ("late_source:stripe:20260323T060000Z", False),
    ],
)
def test_a_mute_covers_its_subject_and_nothing_else(subject: str, matches: bool) -> None:
    mute = Mute("m", subject, NOW, NOW + timedelta(hours=8))
    assert is_muted(incident(), [mute], NOW) is matches
    assert not is_muted(incident(), [mute], NOW + timedelta(hours=8))
    assert not is_muted(incident(), [mute], NOW - timedelta(seconds=1))


def test_owners_have_their_own_channels_and_the_others_everybodys() -> None:
    routes = parse_routes("json://all", "a=json://a a=json://a2 b=json://b")
    assert routes.urls(("a",)) == ("json://a", "json://a2")
    assert routes.urls(("c",)) == ("json://all",)
    assert routes.urls(("a", "b", "c")) == ("json://a", "json://a2", "json://b", "json://all")
    notice = Notice("n", "opened", incident(owners=("a", "b")))
    other = Notice("o", "opened", incident(owners=("b",)))
    batches = routes.batches([notice, other])
    assert {url: len(batch) for url, batch in batches.items()} == {
        "json://a": 1,
        "json://a2": 1,
        "json://b": 2,
    }


def test_a_route_that_cannot_be_read_is_refused_without_its_secret() -> None:
    with pytest.raises(PermanentFailure, match="entry 2") as caught:
        parse_routes("", "a=json://x slack://secret-token")
    assert "secret" not in str(caught.value)
