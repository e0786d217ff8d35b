"""Which states are causes, which of them are one, and how bad each is."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from expectations.checks import METRIC_RULES, STREAM_RULES
from orchestration.alerting.causes import (
    CheckState,
    MetricState,
    Restated,
    StreamState,
    causes_of,
    undecided,
)
from orchestration.alerting.policy import Incident, evaluate
from orchestration.defs.quality import held_back
from orchestration.owners import PLATFORM_OWNER
from orchestration.settings import Settings
from orchestration.warehouse import open_warehouse
from tests.unit.alerting.test_hold_and_routes import NOW


def metric(name: str, **changes: object) -> MetricState:
    base = MetricState(
        name, name.title(), "team", "fresh", 0, "engine.subs_account", "ok", "1", "x",
        streams=("engine.subs_account",),
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def stale(name: str, source: str = "stripe.invoices", hours: float = 54) -> MetricState:
    return metric(
        name, freshness="stale", stale_by_hours=hours, oldest_source=source, streams=(source,)
    )


def late(stream: str, hours: float = 54) -> StreamState:
    return StreamState(stream, True, hours)


def check(check_id: str, verdict: str = "failed", message: str = "observed 2") -> CheckState:
    kind, rule, subject = check_id.split(".", 2)
    return CheckState(check_id, f"{kind}_{rule}", kind, subject, rule, verdict, message)


def test_a_late_source_is_one_cause_naming_all_its_metrics_and_streams() -> None:
    streams = [
        late("stripe.invoices"),
        late("stripe.customers"),
        StreamState("jira.issues", False, 1),
    ]
    (cause,) = causes_of([stale("b"), stale("a", "stripe.customers"), metric("c")], streams)
    assert (cause.kind, cause.name, cause.metrics) == ("late_source", "stripe", ("a", "b"))
    assert "54 h" in cause.message
    assert "stripe.customers, stripe.invoices" in cause.message


def test_two_late_sources_are_two_causes() -> None:
    causes = causes_of([stale("a"), stale("b", "jira.issues")])
    assert [c.name for c in causes] == ["jira", "stripe"]


def test_a_metric_on_two_late_sources_is_named_by_both() -> None:
    both = replace(stale("a"), streams=("stripe.invoices", "engine.subs_account"))
    causes = causes_of([both], [late("stripe.invoices"), late("engine.subs_account", 30)])
    assert [(c.name, c.metrics) for c in causes] == [("engine", ("a",)), ("stripe", ("a",))]


def test_a_late_stream_that_no_metric_reads_is_a_warning_of_the_platform() -> None:
    (cause,) = causes_of([metric("a")], [late("billing.charges", 90)])
    assert (cause.severity, cause.owners, cause.metrics) == ("warning", (PLATFORM_OWNER,), ())


@pytest.mark.parametrize(
    ("hours", "severity"), [(27, "warning"), (47.9, "warning"), (48, "critical")]
)
def test_two_missed_nights_make_a_late_source_critical(hours: float, severity: str) -> None:
    (cause,) = causes_of([stale("a", hours=hours)], [late("stripe.invoices", hours)])
    assert cause.severity == severity


def test_a_metric_that_was_never_read_is_a_cause_too() -> None:
    (cause,) = causes_of([metric("a", freshness="unknown", oldest_source="", streams=())])
    assert cause.name == "unknown source"


def test_a_stale_metric_may_be_critical_too_and_both_are_said() -> None:
    causes = causes_of([replace(stale("a"), level="critical", value_date="2026-03-21")])
    assert [(c.kind, c.severity) for c in causes] == [
        ("late_source", "critical"),
        ("metric_level", "critical"),
    ]
    assert "a critical" in causes[0].message
    assert "stale (54 h old)" in causes[1].message


def test_levels_are_causes_of_their_owners() -> None:
    states = [metric("a", level="critical"), metric("b", level="warning"), metric("c")]
    assert [(c.name, c.severity) for c in causes_of(states)] == [
        ("a", "critical"),
        ("b", "warning"),
    ]


def test_a_metric_without_a_level_leaves_its_incident_undecided() -> None:
    incident: Incident = evaluate(causes_of([metric("a", level="critical")]), [], NOW).incidents[0]
    assert undecided([metric("a", level="unknown")], incident)
    assert not undecided([metric("a", level="ok")], incident)


def test_a_query_that_cannot_run_is_one_cause_however_many_checks_it_breaks() -> None:
    checks = [check(f"metric.bounds.m{n}", "broken", "no such table") for n in range(18)]
    (cause,) = causes_of([metric("m1"), metric("m2")], [], checks)
    assert (cause.name, cause.severity) == ("broken.metric_bounds", "critical")
    assert cause.metrics == ("m1", "m2")
    assert "18 check(s)" in cause.message


def test_failed_checks_of_a_subject_are_one_cause_with_the_metrics_behind_it() -> None:
    checks = [check("stream.key.engine.subs_account"), check("stream.volume.engine.subs_account")]
    (cause,) = causes_of([metric("a"), stale("b")], [], checks)[1:]
    assert (cause.name, cause.severity) == ("stream.engine.subs_account", "critical")
    assert cause.metrics == ("a",)


PAIRS = [
    *(("metric", rule) for rule in METRIC_RULES),
    *(("stream", rule) for rule in STREAM_RULES),
]


@pytest.mark.parametrize(("kind", "rule"), [p for p in PAIRS if p[1] != "freshness"])
def test_the_alert_is_critical_exactly_when_the_page_is_held_back(
    tmp_path: Path, kind: str, rule: str
) -> None:
    subject = "a" if kind == "metric" else "engine.subs_account"
    failed = check(f"{kind}.{rule}.{subject}")
    (cause,) = causes_of([metric("a")], [], [failed])
    with open_warehouse(Settings.model_validate({"home": tmp_path}), "write") as warehouse:
        row = {**asdict(failed), "run_id": "r", "evaluated_at": NOW}
        warehouse.append_ops("check_results", [row])
        held = held_back(warehouse, NOW)
    assert (cause.severity == "critical") == bool(held)


def test_a_day_without_a_value_is_a_hole_and_no_wrong_number() -> None:
    (cause,) = causes_of([metric("a")], [], [check("metric.volume.a")])
    assert cause.severity == "warning"


def test_freshness_that_fails_is_told_by_the_late_source_alone() -> None:
    assert causes_of([metric("a")], [], [check("metric.freshness.a")]) == []


def test_an_anomaly_is_a_warning_of_its_own_kind() -> None:
    (cause,) = causes_of([metric("a")], [], [check("metric.anomaly.a")])
    assert (cause.kind, cause.name, cause.severity) == ("anomaly", "metric.a", "warning")


def test_a_past_that_changed_without_a_reason_is_a_cause() -> None:
    (cause,) = causes_of([metric("a")], [], [], [Restated("a", 3, "2026-03-01 5 → 6")])
    assert (cause.kind, cause.owners) == ("restatement", ("team",))
    assert "3 past value(s)" in cause.message
