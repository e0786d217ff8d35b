"""Every check passes on good data, fails on bad data, and is broken when it cannot look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations import runner
from expectations.catalogue import load_catalogue
from expectations.checks import METRIC_RULES, STREAM_RULES, WRONG_NUMBER_RULES, Check, all_checks
from expectations.evidence import Evidence
from expectations.runner import CheckResult, judge, run_checks
from orchestration.errors import PermanentFailure
from orchestration.sources.contract import CONTRACT, Column
from orchestration.warehouse.ops import ops_ddl
from orchestration.warehouse.raw import raw_ddl

NOW = datetime(2026, 3, 24, 6, tzinfo=UTC)
AS_OF = NOW.replace(hour=0, tzinfo=None)
SAMPLES = {
    "string": "'x'",
    "int64": "1",
    "bool": "true",
    "timestamp": "timestamp '2026-03-01'",
    "numeric": "1",
    "string_array": "['x']",
    "json": "'{}'",
}


class Memory:
    """A warehouse in memory with one row a raw table and three days of every metric."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        for schema in ("raw", "ops", "reporting"):
            self.db.execute(f"create schema {schema}")
        for statement in (*ops_ddl(), *(raw_ddl(t) for t in CONTRACT)):
            self.db.execute(statement)
        self._load_streams()
        self._load_metrics()

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        cursor = self.db.execute(sql, list(params))
        names = [d[0] for d in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _load_streams(self) -> None:
        for table in CONTRACT:
            values = ", ".join(_sample(c) for c in table.landed_columns)
            self.db.execute(
                f"insert into raw.{table.raw_name} values ({values}, ?, 'l', 0, false)", [AS_OF]
            )
            self.db.execute(
                "insert into ops.stream_cursors values (?, '{}', ?, 'l')", [table.stream, AS_OF]
            )
            self.db.execute(
                "insert into ops.load_ledger"
                " values ('l', ?, ?, ?, 'r', 'full', 1, 0, '{}', 'c', ?)",
                [table.stream, table.source, AS_OF, AS_OF],
            )

        self.db.execute(
            "create table reporting.rpt_stream_status as select stream, as_of,"
            " as_of + interval 26 hour as fresh_until from ops.stream_cursors"
        )

    def _load_metrics(self) -> None:
        self.db.execute(
            "create table reporting.rpt_metric_status"
            " (metric_id varchar, as_of timestamp, fresh_until timestamp)"
        )
        self.db.execute(
            "create table reporting.rpt_metric_series"
            " (metric_id varchar, observation_date date, value decimal(38, 9), as_of timestamp)"
        )
        for metric in load_catalogue():
            self.db.execute(
                "insert into reporting.rpt_metric_status values (?, ?, ?)",
                [metric.metric_id, AS_OF, AS_OF + timedelta(hours=26)],
            )
        self.db.execute(
            "insert into reporting.rpt_metric_series"
            " select metric_id, cast(day as date), 1, ? from reporting.rpt_metric_status,"
            " unnest(generate_series(date '2026-02-22', date '2026-03-23', interval 1 day)) t(day)",
            [AS_OF],
        )


def _sample(column: Column) -> str:
    return SAMPLES[column.type]


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory()
    yield made
    made.db.close()


def result_of(results: list[CheckResult], check_id: str) -> CheckResult:
    return next(r for r in results if r.check.check_id == check_id)


def test_every_metric_and_every_table_has_every_rule() -> None:
    checks = all_checks()
    assert len({c.check_id for c in checks}) == len(checks)
    assert len(checks) == 18 * len(METRIC_RULES) + len(CONTRACT) * len(STREAM_RULES)


def test_good_data_passes_every_check(memory: Memory) -> None:
    results = run_checks(memory, NOW)
    assert [r.message for r in results if r.verdict != "passed"] == []
    assert {r.evidence_as_of for r in results} == {AS_OF}


@pytest.mark.parametrize(
    ("damage", "check_id"),
    [
        (
            "update reporting.rpt_metric_status set as_of = timestamp '2026-03-22',"
            " fresh_until = timestamp '2026-03-23 02:00:00' where metric_id = 'stuck_events'",
            "metric.freshness.stuck_events",
        ),
        (
            "update reporting.rpt_metric_series set value = 500 where metric_id = 'stuck_events'"
            " and observation_date = '2026-03-23'",
            "metric.anomaly.stuck_events",
        ),
        (
            "update reporting.rpt_metric_status set as_of = timestamp '2026-03-25'"
            " where metric_id = 'stuck_events'",
            "metric.freshness.stuck_events",
        ),
        (
            "delete from reporting.rpt_metric_series"
            " where metric_id = 'stuck_events' and observation_date = '2026-03-23'",
            "metric.completeness.stuck_events",
        ),
        (
            "delete from reporting.rpt_metric_series"
            " where metric_id = 'stuck_events' and observation_date = '2026-03-22'",
            "metric.volume.stuck_events",
        ),
        (
            "update reporting.rpt_metric_series set value = -1 where metric_id = 'stuck_events'",
            "metric.bounds.stuck_events",
        ),
        (
            "update reporting.rpt_metric_series set value = 2"
            " where metric_id = 'bad_debt_accounts'",
            "metric.bounds.bad_debt_accounts",
        ),
        (
            "update reporting.rpt_stream_status set as_of = timestamp '2026-03-22',"
            " fresh_until = timestamp '2026-03-23 02:00:00' where stream = 'stripe.invoices'",
            "stream.freshness.stripe.invoices",
        ),
        (
            "alter table raw.core__zones alter column status type bigint using 1",
            "stream.schema.core.zones",
        ),
        ("alter table raw.core__zones drop column status", "stream.schema.core.zones"),
        ("insert into raw.core__zones select * from raw.core__zones", "stream.key.core.zones"),
        ("update raw.core__zones set zone_id = ''", "stream.key.core.zones"),
        ("delete from raw.core__zones", "stream.volume.core.zones"),
        (
            "insert into raw.core__zones select * replace ('z2' as zone_id) from raw.core__zones",
            "stream.volume.core.zones",
        ),
    ],
)
def test_damage_fails_its_own_check_with_a_message(
    memory: Memory, damage: str, check_id: str
) -> None:
    memory.db.execute(damage)
    result = result_of(run_checks(memory, NOW), check_id)
    assert result.verdict == "failed"
    assert "observed" in result.message


@pytest.mark.parametrize(
    ("damage", "check_id", "words"),
    [
        (
            "delete from reporting.rpt_metric_series where metric_id = 'stuck_events'",
            "metric.completeness.stuck_events",
            "empty",
        ),
        (
            "delete from reporting.rpt_metric_series where metric_id = 'stuck_events'",
            "metric.anomaly.stuck_events",
            "empty",
        ),
        (
            "delete from reporting.rpt_metric_series where observation_date < '2026-03-10'",
            "metric.anomaly.stuck_events",
            "fewer than 21 days",
        ),
        (
            "update reporting.rpt_metric_series set value = null where metric_id = 'stuck_events'",
            "metric.anomaly.stuck_events",
            "all NULL",
        ),
        (
            "drop table reporting.rpt_metric_series",
            "metric.anomaly.stuck_events",
            "could not run",
        ),
        (
            "update reporting.rpt_metric_status set fresh_until = null",
            "metric.freshness.stuck_events",
            "parameter missing",
        ),
        (
            "update reporting.rpt_metric_series set value = null where metric_id = 'stuck_events'",
            "metric.bounds.stuck_events",
            "all NULL",
        ),
        (
            "delete from reporting.rpt_metric_status where metric_id = 'stuck_events'",
            "metric.freshness.stuck_events",
            "no status row",
        ),
        (
            "update reporting.rpt_metric_status set as_of = null where metric_id = 'stuck_events'",
            "metric.freshness.stuck_events",
            "no as_of",
        ),
        (
            "drop table reporting.rpt_metric_series",
            "metric.volume.stuck_events",
            "could not run",
        ),
        ("drop table raw.core__zones", "stream.key.core.zones", "could not run"),
        ("drop table raw.core__zones", "stream.schema.core.zones", "does not exist"),
        (
            "delete from raw.engine__subs_account",
            "metric.bounds.bad_debt_accounts",
            "parameter missing",
        ),
        (
            "delete from ops.stream_cursors where stream = 'core.zones'",
            "stream.key.core.zones",
            "never loaded",
        ),
        ("drop table ops.stream_cursors", "stream.volume.core.zones", "could not run"),
        (
            "update reporting.rpt_stream_status set as_of = null, fresh_until = null",
            "stream.freshness.core.zones",
            "nothing has been read yet",
        ),
        (
            "delete from reporting.rpt_stream_status where stream = 'core.zones'",
            "stream.freshness.core.zones",
            "no status row",
        ),
        (
            "drop table reporting.rpt_stream_status",
            "stream.freshness.core.zones",
            "could not run",
        ),
    ],
)
def test_what_cannot_be_looked_at_is_broken_and_says_why(
    memory: Memory, damage: str, check_id: str, words: str
) -> None:
    memory.db.execute(damage)
    result = result_of(run_checks(memory, NOW), check_id)
    assert result.verdict == "broken"
    assert words in result.message


def test_a_metric_without_window_is_broken_not_passed(memory: Memory) -> None:
    metrics = tuple(
        replace(m, window_hours=None) if m.metric_id == "stuck_events" else m
        for m in load_catalogue()
    )
    result = result_of(run_checks(memory, NOW, metrics), "metric.freshness.stuck_events")
    assert (result.verdict, result.message) == (
        "broken",
        "parameter missing: no freshness window in the catalogue",
    )


def test_age_is_measured_from_the_evidence_to_the_injected_clock(memory: Memory) -> None:
    at_edge = run_checks(memory, NOW + timedelta(hours=20))
    beyond = run_checks(memory, NOW + timedelta(hours=20, seconds=1))
    assert result_of(at_edge, "metric.freshness.stuck_events").verdict == "passed"
    assert result_of(beyond, "metric.freshness.stuck_events").verdict == "failed"


@pytest.mark.parametrize("field", ["lower", "upper", "observed_low", "observed_high"])
@pytest.mark.parametrize("value", [None, float("nan")])
def test_evidence_with_a_hole_is_broken(field: str, value: float | None) -> None:
    check = Check("metric", "m", "bounds", "holds")
    whole = Evidence(check, 1, 1, 0, 2)
    assert judge([whole])[0].verdict == "passed"
    assert judge([replace(whole, **{field: value})])[0].verdict == "broken"


def test_gx_that_breaks_or_stays_silent_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = [Evidence(Check("metric", "m", "bounds", "holds"), 1, 1, 0, 2)]

    def explode(*_: object) -> list[object]:
        raise RuntimeError("no engine")

    monkeypatch.setattr(runner, "_gx_pairs", explode)
    assert judge(evidence)[0].message == "GX could not run: no engine"
    monkeypatch.setattr(runner, "_gx_pairs", lambda *_: [])
    assert judge(evidence)[0].verdict == "broken"


@pytest.mark.parametrize(
    ("model", "check_id"),
    [
        ("rpt_metric_status", "metric.freshness.stuck_events"),
        ("rpt_stream_status", "stream.freshness.core.zones"),
    ],
)
def test_a_window_that_knows_weekends_is_the_deadline_of_the_status(
    memory: Memory, model: str, check_id: str
) -> None:
    now = NOW + timedelta(hours=60)
    assert result_of(run_checks(memory, now), check_id).verdict == "failed"
    memory.db.execute(f"update reporting.{model} set fresh_until = timestamp '2026-03-27'")
    assert result_of(run_checks(memory, now), check_id).verdict == "passed"


def test_every_rule_of_wrong_numbers_is_a_rule_of_some_check_and_says_why() -> None:
    assert WRONG_NUMBER_RULES.keys() <= {(c.subject_kind, c.rule) for c in all_checks()}
    assert all(WRONG_NUMBER_RULES.values())


def test_data_docs_show_every_check_that_could_look(memory: Memory, tmp_path: Path) -> None:
    memory.db.execute("drop table raw.core__zones")
    metrics = tuple(m for m in load_catalogue() if m.metric_id == "stuck_events")
    first = runner.write_docs(memory, NOW, tmp_path / "data_docs", metrics)
    assert first.is_relative_to(tmp_path)
    pages = "".join(p.read_text(encoding="utf-8") for p in first.parent.rglob("*.html"))
    assert "metric.freshness.stuck_events" in pages
    assert "stream.schema.core.accounts" in pages
    assert "stream.key.core.zones" not in pages


def test_nothing_to_judge_gives_no_verdict() -> None:
    assert judge([]) == []


def test_a_bad_window_names_file_row_and_field(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text(
        "metric_id,title,unit,owner,streams,freshness_window_hours\nm,M,u,o,a.b,soon\n",
        encoding="utf-8",
    )
    with pytest.raises(PermanentFailure, match=r"catalogue\.csv, row 2, field freshness_window"):
        load_catalogue(path)
