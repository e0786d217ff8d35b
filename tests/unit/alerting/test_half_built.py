"""While the last build of the models is unfinished, nobody reads it, and alerts still go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration import drift_marks
from orchestration.alerting import commands
from orchestration.alerting.causes import unfinished_build
from orchestration.cli import app
from orchestration.errors import PermanentFailure
from orchestration.pipeline import rebuild_page
from orchestration.warehouse import open_warehouse
from orchestration.warehouse.publishing import build_marker, building
from tests.unit.alerting.receivers import Webhook
from tests.unit.alerting.test_evaluate import Home, at

DISCREPANCIES = """
create table reporting.rpt_drift_current as
select 'stripe' as detector, 'd1' as discrepancy_id, 'sub_1' as entity_id, 'acct_1' as account_id,
    'missing' as kind, 'open' as state, null::varchar as mark;
"""


@pytest.fixture
def half_built(tmp_path: Path, webhook: Webhook) -> Home:
    """A home whose build died after one model of two, as by kill -9."""
    home = Home(tmp_path, alert_urls=webhook.url("ok"), now="2026-03-24T06:00:00Z")
    home.run(DISCREPANCIES)
    with open_warehouse(home.settings, "write") as warehouse:
        warehouse.publish()
    building(home.settings, is_whole=True).__enter__()
    home.level("critical")
    home.run("drop table reporting.rpt_stream_status; drop table reporting.rpt_drift_current")
    return home


def read(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(home.settings, "read") as warehouse:
        return [tuple(row.values()) for row in warehouse.rows(sql)]


def levels(home: Home) -> dict[str, str]:
    rows = read(home, "select metric_id, level from reporting.rpt_metric_status")
    return {str(metric): str(level) for metric, level in rows}


def test_an_evaluation_looks_at_the_finished_models_and_tells_of_the_build(
    half_built: Home, webhook: Webhook
) -> None:
    report = commands.evaluate_now(half_built.settings)
    assert [(i.cause_kind, i.cause, i.severity) for i in report.open] == [
        ("build", "models", "warning")
    ]
    assert "did not finish" in webhook.messages[0]["title"]
    assert levels(half_built) == {"stuck": "ok", "uncollectible": "ok"}
    # Later evidence grows late on the finished models, and nothing is told twice.
    assert commands.evaluate_now(at(half_built, 25)).sent >= 2
    assert sum("did not finish" in m["title"] for m in webhook.messages) <= 2
    assert read(half_built, "select count(*) from ops.incidents") == [(3,)]


def test_mutes_acknowledgements_and_marks_reach_readers_and_the_next_run(half_built: Home) -> None:
    settings = half_built.settings
    (incident,) = commands.evaluate_now(settings).open
    commands.mute(settings, "source:stripe", 8, "their maintenance")
    commands.acknowledge(settings, incident.incident_id, "ann")
    drift_marks.mark(settings, "d1", "accept", "agreed with the owner", "ann")
    seen = (
        "select (select count(*) from ops.alert_mutes) as mutes, "
        "(select count(*) from ops.drift_marks) as marks, state from ops.incidents"
    )
    assert read(half_built, seen) == [(1, 1, "acknowledged")]
    assert levels(half_built)["stuck"] == "ok"
    with building(settings, is_whole=True):
        pass
    with open_warehouse(settings, "write") as warehouse:
        warehouse.publish()
    assert read(half_built, seen) == [(1, 1, "acknowledged")]
    assert levels(half_built)["stuck"] == "critical"
    assert not list(settings.home.glob(".warehouse*"))


def test_what_would_show_half_built_models_is_refused(half_built: Home) -> None:
    before = half_built.settings.warehouse_path.read_bytes()
    with pytest.raises(PermanentFailure, match="paygo run"):
        rebuild_page(half_built.settings)
    with (
        open_warehouse(half_built.settings, "write") as warehouse,
        pytest.raises(PermanentFailure, match="paygo run"),
    ):
        warehouse.publish()
    assert half_built.settings.warehouse_path.read_bytes() == before


def test_an_erasure_waits_for_the_build_before_it_deletes(
    half_built: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYGO_HOME", str(half_built.settings.home))
    done = CliRunner().invoke(app, ["erase", "acct_1"])
    assert isinstance(done.exception, PermanentFailure | SystemExit)
    assert "erasing an account" in str(done.exception) + done.output


def test_a_build_of_some_models_does_not_finish_one_of_all(half_built: Home) -> None:
    marker = build_marker(half_built.settings)
    with building(half_built.settings, is_whole=False):
        pass
    assert marker.exists()
    with building(half_built.settings, is_whole=True):
        pass
    assert not marker.exists()
    with pytest.raises(RuntimeError), building(half_built.settings, is_whole=False):
        raise RuntimeError("dbt failed")
    assert marker.exists()


def test_an_unfinished_build_is_critical_where_readers_see_it() -> None:
    assert unfinished_build([], in_place=True).severity == "critical"
    assert unfinished_build([], in_place=False).severity == "warning"
