"""What the emulator (local-bigquery 0.4.0) gets wrong: the one list, with a probe for each.

A probe says whether the fault is still there; the test of this list fails when one is mended, so
that what stands here for it can go. `harness` says what the proof does about a fault; where it is
empty, nothing of the product depends on it. The product itself knows of no emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

Probe = Callable[[bigquery.Client, str], bool]
"""Given a client and a dataset of its own, says whether the fault is there."""


@dataclass(frozen=True)
class Fault:
    """One wrong answer."""

    title: str
    bigquery: str
    probe: Probe
    harness: str = ""


def _made(client: bigquery.Client, sql: str) -> bigquery.QueryJob:
    job = client.query(sql)
    job.result()
    return job


def _no_destination(client: bigquery.Client, dataset: str) -> bool:
    job = _made(client, f"create or replace table {dataset}.d as select 1 as x")
    configuration = job.to_api_repr()["configuration"]["query"]
    return "destinationTable" not in configuration and job.ddl_target_table is not None


def _no_bytes(client: bigquery.Client, dataset: str) -> bool:
    _made(client, f"create or replace table {dataset}.b as select 'text' as x")
    config = bigquery.QueryJobConfig(dry_run=True)
    job = client.query(f"select x from {dataset}.b", job_config=config)
    return not job.total_bytes_processed


def _no_limit(client: bigquery.Client, dataset: str) -> bool:
    _made(client, f"create or replace table {dataset}.l as select 'text' as x")
    config = bigquery.QueryJobConfig(maximum_bytes_billed=1, use_query_cache=False)
    try:
        client.query(f"select x from {dataset}.l", job_config=config).result()
    except GoogleAPICallError:
        return False
    return True


def _elsewhere(client: bigquery.Client, dataset: str) -> bool:
    job = client.query("select 1 as x", location="EU")
    job.result()
    return bool(job.location != "EU")


def _div_without_parentheses(client: bigquery.Client, dataset: str) -> bool:
    job = client.query("select div(x * 50 + 99, 100) as found from unnest([3]) as x")
    (row,) = job.result()
    return bool(row["found"] != 2)


FAULTS = (
    Fault(
        "div(a + b, c) is computed as a + div(b, c)",
        "(a + b) divided by c, cut to a whole number",
        _div_without_parentheses,
        "emulator_process.py: both sides are put into parentheses",
    ),
    Fault(
        "a job that creates a table names no destination",
        "`configuration.query.destinationTable` is the table; dbt's adapter asks it",
        _no_destination,
        "patches/sitecustomize.py: the client falls back to `ddl_target_table`",
    ),
    Fault(
        "a dry run reads 0 bytes",
        "the bytes that the query would read; the cost model counts for itself",
        _no_bytes,
    ),
    Fault(
        "maximum_bytes_billed stops nothing",
        "`bytesBilledLimitExceeded`; the jobs' tests answer so themselves",
        _no_limit,
    ),
    Fault(
        "every job runs in US, whatever location it asks for",
        "a job runs where it asks to and finds only datasets of that location",
        _elsewhere,
    ),
)
