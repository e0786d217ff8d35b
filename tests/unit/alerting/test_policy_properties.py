"""Whatever happens in whatever order, the policy keeps its promises (a state machine)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestration.alerting.policy import Cause, Incident, Notice, Rules, Severity, evaluate

START = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules()
NAMES = ("a", "b", "c")


class AlertMachine(RuleBasedStateMachine):
    """Causes come, go and change; time passes; people acknowledge; nights hold things back."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.present: dict[str, Severity] = {}
        self.known: dict[str, Incident] = {}
        self.told: list[tuple[datetime, Notice]] = []
        self.held = False
        self.undecided = False

    @rule(name=st.sampled_from(NAMES), severity=st.sampled_from(["warning", "critical"]))
    def appears(self, name: str, severity: Severity) -> None:
        self.present[name] = severity

    @rule(name=st.sampled_from(NAMES))
    def vanishes(self, name: str) -> None:
        self.present.pop(name, None)

    @rule(hours=st.sampled_from([0.25, 1, 5, 30, 100, 400]))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @rule(held=st.booleans())
    def night_falls_or_ends(self, held: bool) -> None:
        self.held = held

    @rule(undecided=st.booleans())
    def evidence_goes_or_comes(self, undecided: bool) -> None:
        self.undecided = undecided

    @precondition(lambda self: any(i.is_live for i in self.known.values()))
    @rule(data=st.data())
    def somebody_acknowledges(self, data: st.DataObject) -> None:
        live = sorted(i.incident_id for i in self.known.values() if i.is_live)
        chosen = data.draw(st.sampled_from(live))
        self.known[chosen] = replace(self.known[chosen], state="acknowledged")

    @rule(times=st.integers(1, 3))
    def evaluates(self, times: int) -> None:
        causes = [Cause("metric_level", n, s, ("team",), (n,), n) for n, s in self.present.items()]
        before = dict(self.known)
        for number in range(times):
            found = evaluate(
                causes,
                list(self.known.values()),
                self.now,
                undecided=lambda _: self.undecided,
                is_held=lambda _: self.held,
            )
            self.known.update({i.incident_id: i for i in found.incidents})
            if number:
                assert not found.notices, "a repeated evaluation tells nothing"
            self._check(found.notices, before)
        live = {i.cause for i in self.known.values() if i.is_live}
        assert set(self.present) <= live, "no cause is without an incident"
        if self.undecided:
            gone = {i.cause for i in before.values() if i.is_live} - live
            assert not gone, "what nothing is known of does not resolve"

    def _check(self, notices: tuple[Notice, ...], before: dict[str, Incident]) -> None:
        for notice in notices:
            assert not self.held, "nothing is told while it is held back"
            earlier = before.get(notice.incident.incident_id)
            if notice.kind == "reminder":
                assert earlier is not None and earlier.state == "open"
                last = max(t for t, n in self.told if n.incident.incident_id == earlier.incident_id)
                assert self.now - last >= min(RULES.repeat[notice.incident.severity])
            if notice.kind == "resolved":
                assert notice.incident.cause not in self.present
            else:
                assert notice.incident.cause in self.present or self.undecided
            self.told.append((self.now, notice))

    @invariant()
    def one_live_incident_a_cause(self) -> None:
        live = [i.key for i in self.known.values() if i.is_live]
        assert len(live) == len(set(live))

    @invariant()
    def every_notice_is_told_once(self) -> None:
        ids = [(n.notice_id, t) for t, n in self.told]
        assert len(ids) == len(set(ids))
        opened = [n.incident.incident_id for _, n in self.told if n.kind == "opened"]
        assert len(opened) == len(set(opened)), "an incident is opened once"

    @invariant()
    def nobody_hears_resolved_who_did_not_hear_of_it(self) -> None:
        balance: dict[str, int] = {}
        for _, notice in self.told:
            key = notice.incident.incident_id
            if notice.kind in ("opened", "reopened"):
                balance[key] = balance.get(key, 0) + 1
            if notice.kind == "resolved":
                balance[key] = balance.get(key, 0) - 1
            assert balance.get(key, 0) in (0, 1)

    def teardown(self) -> None:
        """In the end everything is over, and everybody who heard of anything hears so."""
        self.present, self.held, self.undecided = {}, False, False
        for _ in range(2):
            self.now += timedelta(days=10)
            self.evaluates(times=1)
        assert not any(i.is_live for i in self.known.values())
        last: dict[str, str] = {}
        for _, notice in self.told:
            last[notice.incident.incident_id] = notice.kind
        assert set(last.values()) <= {"resolved"}


AlertMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestAlertMachine = AlertMachine.TestCase
