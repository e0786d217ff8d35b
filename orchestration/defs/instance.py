"""Dagster's records of a run that nobody looks up again. The place of lasting ones: `pipeline`."""

from __future__ import annotations

from typing import Any, cast

import dagster as dg
import sqlalchemy


def passing_instance() -> dg.DagsterInstance:
    """Return an instance that keeps its records in memory, and its connections to them.

    Left to itself Dagster opens a connection for every event, and each reads the schema again:
    5 of 7 ms an event, 13 s of a demo's build.
    """
    instance = dg.DagsterInstance.ephemeral()
    for storage in (instance.event_log_storage, instance.run_storage):
        log = cast(Any, storage)
        log._engine = sqlalchemy.create_engine(
            log._engine.url, poolclass=sqlalchemy.pool.SingletonThreadPool
        )
    return instance
