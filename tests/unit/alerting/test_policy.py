"""One incident a cause; what people are told, when, and never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestration.alerting.policy import Cause, Evaluation, Incident, Rules, Severity, evaluate

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = Rules()


def cause(name: str = "a", severity: Severity = "warning", **changes: object) -> Cause:
    made = Cause("metric_level", name, severity, ("team",), (name,), f"{name} is {severity}")
    return replace(made, **changes)  # type: ignore[arg-type]


class Story:
    """Evaluations one after the other, each on what the one before has left."""

    def __init__(self) -> None:
        self.known: dict[str, Incident] = {}

    def at(self, hours: float, *causes: Cause, **options: object) -> Evaluation:
        found = evaluate(causes, list(self.known.values()), NOW + hours * HOUR, **options)  # type: ignore[arg-type]
        self.known.update({i.incident_id: i for i in found.incidents})
        return found

    def change(self, **changes: object) -> None:
        self.known = {k: replace(i, **changes) for k, i in self.known.items()}  # type: ignore[arg-type]


def kinds(found: Evaluation) -> list[str]:
    return [n.kind for n in found.notices]


def test_a_cause_opens_once_and_is_told_once() -> None:
    story = Story()
    assert kinds(story.at(0, cause())) == ["opened"]
    assert kinds(story.at(0, cause())) == []
    assert kinds(story.at(1, cause())) == []
    assert len(story.known) == 1


def test_reminders_follow_the_schedule_of_the_severity() -> None:
    story = Story()
    told = [h for h in range(100) if "reminder" in kinds(story.at(h, cause("a", "critical")))]
    assert told == [4, 28, 52, 76]
    story = Story()
    told = [h for h in range(24 * 25) if "reminder" in kinds(story.at(h, cause()))]
    assert told == [24 * 7, 24 * 14, 24 * 21]


def test_acknowledged_is_silent_until_it_becomes_more_severe() -> None:
    story = Story()
    story.at(0, cause())
    story.change(state="acknowledged")
    assert [kinds(story.at(h, cause())) for h in (24, 200, 500)] == [[], [], []]
    worse = story.at(501, cause("a", "critical"))
    assert kinds(worse) == ["escalated"]
    assert worse.incidents[0].state == "open"


def test_an_acknowledged_critical_that_wavers_does_not_wake_anybody_again() -> None:
    story = Story()
    story.at(0, cause("a", "critical"))
    story.change(state="acknowledged")
    for hour, severity in enumerate(("warning", "critical", "warning", "critical"), start=1):
        found = story.at(hour, cause("a", severity))  # type: ignore[arg-type]
        assert kinds(found) == []
        assert found.incidents[0].state == "acknowledged"


def test_growing_worse_is_told_once_an_incident() -> None:
    story = Story()
    story.at(0, cause())
    told = [
        kinds(story.at(h, cause("a", s)))  # type: ignore[arg-type]
        for h, s in ((1, "critical"), (2, "warning"), (3, "critical"))
    ]
    assert told == [["escalated"], [], []]


def test_a_cause_that_is_gone_is_told_resolved_at_once() -> None:
    story = Story()
    story.at(0, cause())
    found = story.at(1)
    assert kinds(found) == ["resolved"]
    assert [(i.state, i.resolved_at) for i in found.resolved] == [("resolved", NOW + HOUR)]
    assert kinds(story.at(1)) == kinds(story.at(2)) == []


def test_what_comes_back_soon_is_the_same_incident_reopened() -> None:
    story = Story()
    story.at(0, cause())
    story.at(1)
    again = story.at(2, cause())
    assert kinds(again) == ["reopened"]
    assert len(story.known) == 1
    assert again.incidents[0].reopened == 1
    assert again.incidents[0].opened_at == NOW


def test_what_comes_back_after_a_week_is_a_new_incident() -> None:
    story = Story()
    story.at(0, cause())
    story.at(1)
    assert kinds(story.at(24 * 7 + 1, cause())) == ["reopened"]
    story.at(24 * 8 + 1)
    assert kinds(story.at(24 * 11 + 1)) == ["resolved"]
    assert kinds(story.at(24 * 19, cause())) == ["opened"]
    assert len(story.known) == 2


def test_a_flapping_cause_has_to_stay_away_ever_longer() -> None:
    story = Story()
    told = []
    for hour in range(0, 60):
        told += kinds(story.at(hour, *([cause()] if hour % 2 == 0 else [])))
    assert told == ["opened", "resolved", "reopened"]
    quiet = [h for h in range(60, 200) if "resolved" in kinds(story.at(h))]
    assert quiet == [59 + 72]


def test_an_acknowledgement_ends_with_the_incident() -> None:
    story = Story()
    story.at(0, cause())
    story.change(state="acknowledged", acknowledged_at=NOW, acknowledged_by="ann")
    assert kinds(story.at(1)) == ["resolved"]
    assert kinds(story.at(2, cause())) == ["reopened"]
    (incident,) = story.known.values()
    assert (incident.state, incident.acknowledged_by) == ("open", "")


def test_what_nothing_is_known_of_neither_clears_nor_resolves() -> None:
    story = Story()
    story.at(0, cause())
    found = story.at(1, undecided=lambda _: True)
    assert (found.resolved, kinds(found)) == ((), [])
    assert next(iter(story.known.values())).clear_since is None


def test_what_is_held_back_is_told_when_it_may_be() -> None:
    story = Story()
    held = story.at(0, cause(), is_held=lambda _: True)
    assert (kinds(held), [n.kind for n in held.held]) == ([], ["opened"])
    assert kinds(story.at(5, cause())) == ["opened"]


def test_what_came_and_went_while_held_back_is_never_told() -> None:
    story = Story()
    story.at(0, cause(), is_held=lambda _: True)
    assert [i.state for i in story.at(1, is_held=lambda _: True).resolved] == ["resolved"]
    assert kinds(story.at(9)) == []


def test_metrics_behind_a_cause_may_grow_without_a_word() -> None:
    story = Story()
    late = Cause("late_source", "stripe", "critical", ("x",), ("a",), "late", NOW - HOUR)
    assert story.at(0, late).incidents[0].since == NOW - HOUR
    more = story.at(1, replace(late, metrics=("a", "b"), owners=("x", "y")))
    assert kinds(more) == []
    assert more.incidents[0].metrics == ("a", "b")


@pytest.mark.parametrize("reminders", [0, 1, 2, 50])
def test_the_last_wait_goes_on_for_ever(reminders: int) -> None:
    waits = RULES.repeat["critical"]
    assert RULES.wait("critical", reminders) == waits[min(reminders, 1)]
