"""Names, repetitions and refusals of jobs: what is sent twice does its work once."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.api_core import exceptions as api
from google.cloud import bigquery
from requests import exceptions as transport

from orchestration.errors import PermanentFailure, TransientFailure
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT, table
from orchestration.warehouse.bigquery_commit import load_schema
from orchestration.warehouse.bigquery_jobs import ATTEMPTS, Jobs, label, parquet


def refused(kind: type[api.GoogleAPICallError], reason: str, message: str = "no") -> Exception:
    return kind(message, errors=[{"reason": reason, "message": message}])


@dataclass
class Job:
    """A job as the client shows it; `ends` is what `result` raises."""

    name: str
    ends: Exception | None = None
    dry_run: bool = False
    state: str = "DONE"

    @property
    def error_result(self) -> dict[str, str] | None:
        return {"reason": "x"} if self.ends else None

    def result(self, **_: object) -> Job:
        if self.ends:
            raise self.ends
        return self


@dataclass
class Client:
    """Knows jobs by name; answers a second insert of a name with 409, as BigQuery does."""

    project: str = "proj"
    script: list[Callable[[Client, str], Job]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    loads: list[Any] = field(default_factory=list)
    queries: list[Any] = field(default_factory=list)

    def load_table_from_file(self, file: io.BytesIO, target: str, *, job_id: str, **kw: Any) -> Job:
        self.loads.append((file.read(), target, job_id, kw["job_config"]))
        if job_id in self.jobs:
            raise api.Conflict("already exists")
        act = self.script.pop(0) if self.script else lambda _, name: Job(name)
        self.jobs[job_id] = act(self, job_id)
        return self.jobs[job_id]

    def query(self, sql: str, *, job_id: str, job_config: Any, **_: object) -> Job:
        self.queries.append((sql, job_config))
        return Job(job_id)

    def get_job(self, name: str, **_: object) -> Job:
        return self.jobs[name]


def jobs_of(*script: Callable[[Client, str], Job]) -> tuple[Jobs, Client, list[float]]:
    client, waits = Client(script=list(script)), []
    jobs = Jobs(client, "EU", 1, {"pipeline": "paygo"}, waits.append)  # type: ignore[arg-type]
    return jobs, client, waits


def load(jobs: Jobs) -> Any:
    schema = [bigquery.SchemaField("x", "STRING")]
    return jobs.load(pa.table({"x": ["a"]}), "raw.t", schema, doing="loading t", job_id="paygo-l")


def ends_with(error: Exception) -> Callable[[Client, str], Job]:
    return lambda _, name: Job(name, error)


def lost_answer(client: Client, name: str) -> Job:
    client.jobs[name] = Job(name)
    raise transport.ConnectionError("connection reset")


def test_a_load_sent_again_finds_the_first() -> None:
    jobs, client, _ = jobs_of()
    assert load(jobs).name == load(jobs).name == "paygo-l-0"
    assert list(client.jobs) == ["paygo-l-0"]


def test_a_load_whose_answer_was_lost_is_looked_up_and_not_repeated() -> None:
    jobs, client, waits = jobs_of(lost_answer)
    assert load(jobs).name == "paygo-l-0"
    assert list(client.jobs) == ["paygo-l-0"]
    assert waits == [1.0]


def test_a_failed_job_gets_a_successor_under_another_name() -> None:
    backend = refused(api.InternalServerError, "backendError")
    jobs, _, waits = jobs_of(ends_with(backend), ends_with(backend))
    assert load(jobs).name == "paygo-l-2"
    assert waits == [1.0, 2.0]
    # A later run meets the two failures and takes their successor.
    assert load(jobs).name == "paygo-l-2"


def test_the_failures_of_earlier_runs_are_no_attempts_of_this_one() -> None:
    backend = refused(api.InternalServerError, "backendError")
    jobs, client, _ = jobs_of(*[ends_with(backend)] * ATTEMPTS)
    with pytest.raises(TransientFailure):
        load(jobs)
    assert load(jobs).name == f"paygo-l-{ATTEMPTS}"
    assert len(client.jobs) == ATTEMPTS + 1


def test_an_insert_that_was_refused_and_taken_all_the_same_has_no_successor() -> None:
    def taken(client: Client, name: str) -> Job:
        client.jobs[name] = Job(name)
        raise refused(api.ServiceUnavailable, "backendError")

    jobs, client, waits = jobs_of(taken)
    assert load(jobs).name == "paygo-l-0"
    assert (list(client.jobs), waits) == (["paygo-l-0"], [1.0])


def test_a_statement_without_a_name_of_its_own_is_not_repeated_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: list[str] = []

    def query(_: Client, sql: str, *, job_id: str, **__: object) -> Job:
        names.append(job_id)
        raise refused(api.ServiceUnavailable, "backendError")

    monkeypatch.setattr(Client, "query", query)
    with pytest.raises(TransientFailure):
        jobs_of()[0].run("insert into ops.t select 1", doing="writing")
    assert (len(names), len(set(names))) == (ATTEMPTS, 1)


def test_a_question_after_a_job_that_fails_does_not_repeat_the_job() -> None:
    @dataclass
    class Asked(Job):
        failures: int = 1

        @property
        def error_result(self) -> None:
            return None

        def result(self, **_: object) -> Job:
            self.failures -= 1
            if self.failures >= 0:
                raise refused(api.ServiceUnavailable, "backendError")
            return self

    jobs, client, _ = jobs_of(lambda _, name: Asked(name))
    assert load(jobs).name == "paygo-l-0"
    assert list(client.jobs) == ["paygo-l-0"]


OUTAGE = api.RetryError("Timeout of 600.0s exceeded", ConnectionError("no route"))


def test_an_outage_that_the_client_gives_up_on_is_named_and_spends_no_name() -> None:
    def outage(_: Client, name: str) -> Job:
        raise OUTAGE

    jobs, client, waits = jobs_of(*[outage] * ATTEMPTS)
    with pytest.raises(TransientFailure, match="run again later"):
        load(jobs)
    assert (client.jobs, len(waits)) == ({}, ATTEMPTS - 1)
    waiting = Job("paygo-l-0", OUTAGE, state="RUNNING")
    jobs, client, _ = jobs_of(lambda _, name: waiting)
    with pytest.raises(TransientFailure, match="600"):
        load(jobs)
    assert list(client.jobs) == ["paygo-l-0"]


def test_an_outage_while_rows_are_fetched_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found(Job):
        def to_arrow(self, **_: object) -> None:
            raise OUTAGE

    monkeypatch.setattr(Client, "query", lambda _, sql, *, job_id, **__: Found(job_id))
    with pytest.raises(TransientFailure, match="fetching what a query found"):
        jobs_of()[0].read("select 1")


def test_transient_errors_end_after_some_attempts() -> None:
    rate = refused(api.Forbidden, "rateLimitExceeded")
    jobs, _, waits = jobs_of(*[ends_with(rate)] * 10)
    with pytest.raises(TransientFailure, match="nothing is loaded twice"):
        load(jobs)
    assert len(waits) == ATTEMPTS - 1


def test_a_concurrent_update_is_tried_again() -> None:
    aborted = refused(
        api.BadRequest, "invalidQuery", "Transaction is aborted due to concurrent update"
    )
    jobs, _, _ = jobs_of(ends_with(aborted))
    assert load(jobs).name == "paygo-l-1"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused(api.Forbidden, "quotaExceeded", "Custom quota exceeded"), "midnight Pacific"),
        (refused(api.BadRequest, "bytesBilledLimitExceeded"), "MAXIMUM_BYTES_BILLED"),
        (refused(api.Forbidden, "accessDenied"), "paygo bootstrap.*drift explain"),
        (refused(api.NotFound, "notFound"), "bootstrap --apply"),
        (refused(api.BadRequest, "invalidQuery", "Unrecognized name: x"), "Unrecognized name: x"),
    ],
)
def test_what_another_attempt_cannot_help_is_not_tried_again(error: Exception, said: str) -> None:
    jobs, _, waits = jobs_of(ends_with(error))
    with pytest.raises(PermanentFailure, match=said):
        load(jobs)
    assert waits == []


def test_a_load_appends_to_a_table_that_exists_with_an_explicit_schema() -> None:
    jobs, client, _ = jobs_of()
    load(jobs)
    _, target, _, config = client.loads[0]
    assert target == "proj.raw.t"
    assert config.write_disposition == "WRITE_APPEND"
    assert config.create_disposition == "CREATE_NEVER"
    assert config.source_format == "PARQUET"
    assert [f.name for f in config.schema] == ["x"]
    assert config.labels == {"pipeline": "paygo", "model": "loading_t"}


def test_every_stream_has_an_explicit_schema_of_its_landed_columns() -> None:
    for stream in CONTRACT:
        names = [f.name for f in load_schema(stream)]
        assert names[: len(stream.landed_columns)] == [c.name for c in stream.landed_columns]
        assert names[-4:] == ["_as_of", "_load_id", "_row_hash", "_is_deleted"]
    fields = {f.name: f for f in load_schema(table("engine.subs_object_products_element"))}
    assert (fields["value_phases"].mode, fields["ope_id"].mode) == ("REPEATED", "REQUIRED")


def test_files_hold_what_a_load_job_takes() -> None:
    at = datetime(2026, 3, 1, 1, 2, 3, 456789, UTC)
    data = pa.table({
        "at": pa.array([at.replace(tzinfo=None), None], pa.timestamp("us")),
        "phases": pa.array([["free", None], None], pa.list_(pa.string())),
        "n": pa.array([None, 1], pa.decimal128(38, 9)),
    })  # fmt: skip
    found = pq.read_table(parquet(data))
    assert found.column("at").to_pylist() == [at, None]
    assert found.column("phases").to_pylist() == [["free", ""], []]
    assert found.schema.field("n").type == pa.decimal128(38, 9)


def test_slices_of_batches_keep_their_lists() -> None:
    data = pa.table({"phases": pa.array([["a"], ["b", "c"], None, ["d"]], pa.list_(pa.string()))})
    assert pq.read_table(parquet(data.slice(1, 3))).column("phases").to_pylist() == [
        ["b", "c"], [], ["d"],
    ]  # fmt: skip


def test_every_job_is_labelled_by_pipeline_model_and_run() -> None:
    settings = Settings(bigquery_project="proj", run="run-20260324T060000Z", _env_file=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bigquery, "Client", lambda **_: Client())
        jobs = Jobs.connect(settings)
    jobs.run("select 1", doing="asking anything")
    jobs.run("select 1", doing="reading", labels={"model": "read"})
    load(jobs)
    found = [config.labels for _, config in jobs.client.queries]  # type: ignore[attr-defined]
    found.append(jobs.client.loads[0][3].labels)  # type: ignore[attr-defined]
    run = {"pipeline": "paygo", "run": "run-20260324t060000z"}
    assert found == [{**run, "model": name} for name in ("asking_anything", "read", "loading_t")]


def test_labels_are_what_bigquery_takes() -> None:
    assert label("run-20260324T060000Z") == "run-20260324t060000z"
    assert label("Engine.Ümlaut") == "engine_mlaut"
    assert len(label("x" * 80)) == 63
