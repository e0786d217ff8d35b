"""One incident a cause; it opens once, grows more severe, and resolves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestration.alerting.policy import Incident, MetricState, causes_of, evaluate

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)
NONE: frozenset[str] = frozenset()


def metric(name: str, **changes: object) -> MetricState:
    base = MetricState(
        name, name.title(), "team", "fresh", 0, "engine.subs_account", "ok", "1", "x"
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def stale(name: str, source: str = "stripe.invoices") -> MetricState:
    return metric(name, freshness="stale", stale_by_hours=54, oldest_source=source)


def opened(states: list[MetricState], known: list[Incident] | None = None) -> tuple[Incident, ...]:
    return evaluate(causes_of(states), known or [], NONE, NOW).opened


def test_a_late_source_is_one_incident_naming_all_its_metrics() -> None:
    incidents = opened([stale("b"), stale("a", "stripe.customers"), metric("c")])
    assert [(i.cause_kind, i.cause, i.metrics) for i in incidents] == [
        ("late_source", "stripe", ("a", "b"))
    ]
    assert "54 h" in incidents[0].message


def test_two_late_sources_are_two_incidents() -> None:
    incidents = opened([stale("a"), stale("b", "jira.issues")])
    assert [i.cause for i in incidents] == ["jira", "stripe"]


def test_a_metric_that_was_never_read_is_an_incident_too() -> None:
    incidents = opened([metric("a", freshness="unknown", oldest_source="")])
    assert [i.cause for i in incidents] == ["unknown source"]


def test_levels_of_fresh_metrics_are_judged_and_those_of_stale_ones_are_not() -> None:
    states = [metric("a", level="critical"), metric("b", level="warning"), metric("c")]
    assert [(i.cause, i.severity) for i in opened(states)] == [
        ("a", "critical"),
        ("b", "warning"),
    ]
    late = replace(stale("a"), level="critical")
    assert [i.cause_kind for i in opened([late])] == ["late_source"]


def test_a_check_that_did_not_pass_is_an_incident() -> None:
    incidents = opened([metric("a", failed_checks=("metric.bounds.a",))])
    assert [(i.cause_kind, i.cause) for i in incidents] == [("check", "metric.bounds.a")]


def test_the_same_cause_does_not_open_twice() -> None:
    first = opened([stale("a")])
    again = evaluate(causes_of([stale("a"), stale("b")]), first, NONE, NOW + timedelta(hours=1))
    assert again.opened == ()
    assert again.resolved == ()
    assert [i.metrics for i in again.continued] == [("a", "b")]
    assert again.continued[0].opened_at == NOW


def test_a_cause_that_is_gone_resolves_and_may_open_anew() -> None:
    first = opened([stale("a")])
    later = NOW + timedelta(hours=1)
    gone = evaluate([], first, NONE, later)
    assert [(i.state, i.resolved_at) for i in gone.resolved] == [("resolved", later)]
    back = evaluate(causes_of([stale("a")]), gone.resolved, NONE, later + timedelta(hours=1))
    assert back.opened[0].incident_id != first[0].incident_id


def test_acknowledged_stays_so_until_it_grows_more_severe() -> None:
    (incident,) = opened([metric("a", level="warning")])
    held = replace(incident, state="acknowledged")
    same = evaluate(causes_of([metric("a", level="warning")]), [held], NONE, NOW)
    assert same.continued[0].state == "acknowledged"
    worse = evaluate(causes_of([metric("a", level="critical")]), [held], NONE, NOW)
    assert [(i.state, i.severity) for i in worse.opened] == [("open", "critical")]


def test_a_stale_metric_does_not_resolve_its_own_level() -> None:
    (incident,) = opened([metric("a", level="critical")])
    changes = evaluate(causes_of([stale("a")]), [incident], frozenset({"a"}), NOW)
    assert changes.resolved == ()
    assert incident in changes.continued
