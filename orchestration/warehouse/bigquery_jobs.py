"""Jobs on BigQuery: names that make a repetition harmless, retries, errors that say what to do.

Belongs here: how a statement or a file becomes a job, and what its failure means. Does not: which
statements there are (`bigquery`), or the shape of tables (`bigquery_schema`).

A job has an id of its own. Where repeating it would do harm (a load, a commit) the id follows from
what it does, so that the second attempt finds the first: BigQuery answers 409 and the job is
looked up. Only an attempt that is known to have failed gets a successor.
"""

from __future__ import annotations

import io
import itertools
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import bigquery
from requests import exceptions as transport

from orchestration.errors import PaygoError, PermanentFailure, TransientFailure

if TYPE_CHECKING:
    from orchestration.settings import Settings

ATTEMPTS = 5
FIRST_WAIT = 1.0
LONGEST_WAIT = 32.0

# https://cloud.google.com/bigquery/docs/error-messages: worth another attempt after a pause.
TRANSIENT = frozenset(
    {
        "backendError",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "rateLimitExceeded",
        "jobRateLimitExceeded",
        "tableUnavailable",
        "timeout",
    }
)
# Used up until a known hour or until somebody raises it: another attempt only asks again.
QUOTA = frozenset({"quotaExceeded", "billingTierLimitExceeded"})
# The client raises the last when it has asked again for ten minutes.
_LOST = (transport.ConnectionError, transport.Timeout, auth.TransportError, api.RetryError)
FAILURES = (api.GoogleAPIError, auth.GoogleAuthError, transport.RequestException)
"""Everything that the client raises when BigQuery or the way to it fails."""
_CONCURRENT = re.compile(r"aborted due to concurrent|could not serialize access", re.IGNORECASE)
_LABEL = re.compile(r"[^a-z0-9_-]+")

JobSubmit = Callable[[str], Any]


def label(value: str) -> str:
    """Return a text as BigQuery takes it in a label: small letters, at most 63 characters."""
    return _LABEL.sub("_", value.lower())[:63]


def reason_of(error: Exception) -> str:
    """Return the API's own word for what went wrong; empty when it gave none."""
    for entry in getattr(error, "errors", None) or ():
        if isinstance(entry, Mapping) and entry.get("reason"):
            return str(entry["reason"])
    return ""


def is_transient(error: Exception) -> bool:
    """Say whether the same job may succeed a little later."""
    if isinstance(error, _LOST):
        return True
    reason = reason_of(error)
    if reason in QUOTA:
        return False
    if _CONCURRENT.search(str(error)):
        return True
    gateway = api.ServerError | api.TooManyRequests
    return reason in TRANSIENT or (isinstance(error, gateway) and reason != "notImplemented")


def translated(error: Exception, doing: str) -> PaygoError:
    """Turn the client's error into one that says what to do."""
    reason, text = reason_of(error), str(getattr(error, "message", error)).strip()
    text = text.splitlines()[0][:500] if text else type(error).__name__
    if is_transient(error):
        return TransientFailure(
            f"BigQuery does not answer well: {text}", tried=f"{doing}, {ATTEMPTS} times",
            todo="run again later; what was committed stays, nothing is loaded twice",
        )  # fmt: skip
    if reason in QUOTA:
        return PermanentFailure(
            f"a BigQuery quota is used up: {text}", tried=doing,
            todo="wait until it is renewed (custom daily quotas: midnight Pacific time) or have it "
            "raised under IAM & Admin, Quotas; trying again sooner does not help",
        )  # fmt: skip
    if reason == "bytesBilledLimitExceeded":
        return PermanentFailure(
            f"a query would read more than it may: {text}", tried=doing,
            todo="see which model grew; then raise PAYGO_BIGQUERY_MAXIMUM_BYTES_BILLED",
        )  # fmt: skip
    if isinstance(error, auth.GoogleAuthError):
        return PermanentFailure(
            f"BigQuery accepts no credentials: {text}", tried=doing,
            todo="run as a service account, or `gcloud auth application-default login`",
        )  # fmt: skip
    if isinstance(error, api.Forbidden):
        return PermanentFailure(
            f"BigQuery refuses: {text}", tried=doing,
            todo="use a login that may: `paygo bootstrap` prints the rights of each account "
            "(paygo-build: all that a run and `paygo drift explain` need; paygo-read: what is "
            "published)",
        )  # fmt: skip
    if isinstance(error, api.NotFound):
        return PermanentFailure(
            f"BigQuery does not find it: {text}", tried=doing,
            todo="run `paygo bootstrap --apply` once, and see PAYGO_BIGQUERY_LOCATION",
        )  # fmt: skip
    return PermanentFailure(f"BigQuery failed: {text}", tried=doing)


@dataclass
class Jobs:
    """Runs jobs with labels, limits and retries. `sleep` is replaced in tests."""

    client: bigquery.Client
    location: str
    maximum_bytes_billed: int
    labels: Mapping[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def connect(cls, settings: Settings) -> Jobs:
        """Return the jobs of the configured project. Errors: PermanentFailure without one."""
        if not settings.bigquery_project:
            raise PermanentFailure(
                "no BigQuery project is named",
                todo="set PAYGO_BIGQUERY_PROJECT, or PAYGO_TARGET=duckdb",
            )
        options = None
        if settings.bigquery_api_endpoint:
            options = {"api_endpoint": settings.bigquery_api_endpoint}
        try:
            client = bigquery.Client(
                project=settings.bigquery_project,
                location=settings.bigquery_location,
                client_options=options,
            )
        except auth.GoogleAuthError as error:
            raise translated(error, "logging in to BigQuery") from error
        return cls(
            client, settings.bigquery_location, settings.bigquery_maximum_bytes_billed,
            {"pipeline": "paygo", "run": label(settings.run)},
        )  # fmt: skip

    def run(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] = (),
        *,
        doing: str,
        job_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        schema_only: bool = False,
    ) -> bigquery.QueryJob:
        """Run one statement or script to its end and return the job."""
        config = bigquery.QueryJobConfig(
            query_parameters=parameters(params),
            labels=self._labels(doing, labels),
            dry_run=schema_only,
        )
        if self.maximum_bytes_billed and not schema_only:
            config.maximum_bytes_billed = self.maximum_bytes_billed

        def submit(name: str) -> bigquery.QueryJob:
            return self.client.query(
                sql, job_config=config, job_id=name, location=self.location, job_retry=None
            )

        job: bigquery.QueryJob = self._finish(submit, job_id, doing)
        return job

    def read(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] = (),
        *,
        labels: Mapping[str, str] | None = None,
    ) -> pa.Table:
        """Run one select and fetch its rows."""
        job = self.run(sql, params, doing="reading", labels=labels)
        try:
            return job.result().to_arrow(create_bqstorage_client=False)
        except FAILURES as error:
            raise translated(error, "fetching what a query found") from error

    def load(
        self,
        data: pa.Table,
        table: str,
        schema: Sequence[bigquery.SchemaField],
        *,
        doing: str,
        job_id: str,
        replace: bool = False,
        labels: Mapping[str, str] | None = None,
    ) -> bigquery.LoadJob:
        """Append a Parquet file to a table that exists; `replace` writes it anew."""
        file = parquet(data)
        mode = bigquery.WriteDisposition
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            schema=list(schema),
            write_disposition=mode.WRITE_TRUNCATE if replace else mode.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=self._labels(doing, labels),
        )
        # Without this, a list in a Parquet file becomes a record of records.
        lists = bigquery.ParquetOptions()  # type: ignore[no-untyped-call]
        lists.enable_list_inference = True
        config.parquet_options = lists

        def submit(name: str) -> bigquery.LoadJob:
            file.seek(0)
            return self.client.load_table_from_file(
                file, f"{self.client.project}.{table}", job_id=name, location=self.location,
                job_config=config, size=file.getbuffer().nbytes,
            )  # fmt: skip

        job: bigquery.LoadJob = self._finish(submit, job_id, doing)
        return job

    def _labels(self, doing: str, given: Mapping[str, str] | None) -> dict[str, str]:
        """Return what the job is billed under; one that makes no table says what it does."""
        return {"model": label(doing), **self.labels, **(given or {})}

    def _finish(self, submit: JobSubmit, job_id: str | None, doing: str) -> Any:
        """Submit until the job has run; see the module's docstring for what is repeated."""
        base = job_id or f"paygo-{uuid.uuid4().hex}"
        number, attempt, wait = 0, 1, FIRST_WAIT
        while True:
            try:
                job = self._submitted(submit, f"{base}-{number}")
            except _FailedBefore:
                number += 1  # an earlier run's attempt, none of this one
                continue
            except FAILURES as error:
                last = error  # whether there is a job now, the same name tells
            else:
                try:
                    return _ended(job)
                except FAILURES as error:
                    last = error
                    number += int(_has_failed(job))
            if attempt == ATTEMPTS or not is_transient(last):
                raise translated(last, doing) from last
            attempt += 1
            self.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _submitted(self, submit: JobSubmit, name: str) -> Any:
        try:
            return submit(name)
        except api.Conflict:
            job = self.client.get_job(name, location=self.location)
            if _has_failed(job):
                raise _FailedBefore from None
            return job


class _FailedBefore(Exception):
    """An earlier attempt of this name has ended in an error: its successor may run."""


def _ended(job: Any) -> Any:
    """Wait for a job's end and return it. A dry run has none; a query's own retries are ours."""
    if isinstance(job, bigquery.QueryJob):
        if not job.dry_run:
            job.result(job_retry=None)
    else:
        job.result()
    return job


def _has_failed(job: Any) -> bool:
    """Say whether the job itself has ended in an error, not only the question after it."""
    return bool(job.state == "DONE" and job.error_result)


def parquet(data: pa.Table) -> io.BytesIO:
    """Write a table as Parquet in the forms that a load job takes.

    Times are microseconds in UTC. An array there holds no null: an element without a value becomes
    an empty text, which the models take for the same.
    """
    columns = [_loadable(column) for column in data.columns]
    fields = [
        pa.field(f.name, c.type, f.nullable) for f, c in zip(data.schema, columns, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(
        pa.table(columns, schema=pa.schema(fields)), buffer, compression="zstd",
        coerce_timestamps="us", use_compliant_nested_type=True,
    )  # fmt: skip
    buffer.seek(0)
    return buffer


def _loadable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", "UTC"))
    if not pa.types.is_list(column.type):
        return column
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    filled = pc.fill_null(array.flatten(), "")
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_pylist()
    offsets = [0, *itertools.accumulate(lengths)]
    return pa.chunked_array([pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), filled)])


def parameters(params: Sequence[object] | Mapping[str, object]) -> list[Any]:
    """Return query parameters: positional from a sequence, named from a mapping."""
    named = params.items() if isinstance(params, Mapping) else ((None, p) for p in params)
    return [_parameter(name, value) for name, value in named]


def _parameter(name: str | None, value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return bigquery.ArrayQueryParameter(name, "STRING", list(value))
    kind: str
    match value:
        case bool():
            kind = "BOOL"
        case int():
            kind = "INT64"
        case Decimal():
            kind = "NUMERIC"
        case float():
            kind = "FLOAT64"
        case datetime():
            kind = "TIMESTAMP"
        case date():
            kind = "DATE"
        case _:
            kind = "STRING"
    return bigquery.ScalarQueryParameter(name, kind, value)
