"""What every warehouse engine offers to extraction, commands and checks. No engine's code here.

A load is staged (rows arrive in batches, nothing is visible), compared with what the
warehouse already holds, and committed: row versions, tombstones, quarantine, ledger
row and cursor become visible together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import pyarrow as pa

from orchestration.sources.misfits import Misfit

LoadMode = Literal["full", "delta", "sweep"]
"""full: the whole source was read; delta: what changed; sweep: whole, by listing."""

LoadOutcome = Literal["committed", "already_loaded", "older_than_cursor"]


@dataclass(frozen=True)
class StreamCursor:
    """Where a stream stands: its completeness horizon and the source's own cursor."""

    stream: str
    cursor: Mapping[str, Any]
    as_of: datetime
    load_id: str


@dataclass(frozen=True)
class LoadResult:
    """What one load did; zero rows and `already_loaded` when it had been committed before."""

    load_id: str
    outcome: LoadOutcome
    rows_appended: int = 0
    rows_deleted: int = 0


@dataclass(frozen=True)
class LoadRequest:
    """Identity of a load. `mode` is recorded; `recorded_at` comes from the injected clock.

    `is_strict`: a required column without a value is a ContractViolation. Reading a foreign
    server in report mode is not strict; the key is required all the same.
    """

    stream: str
    as_of: datetime
    run_id: str
    mode: LoadMode
    recorded_at: datetime
    is_strict: bool = True
    has_unique_keys: bool = False
    """The source guarantees that no key comes twice, so nobody need look for it."""
    has_unclassified: bool = False
    """Rows carry `_unclassified`: JSON of columns that the contract does not know."""


Scope = Literal["all", "read"]
"""all: what will be live once the load is committed; read: what the load has staged."""


@dataclass(frozen=True)
class Totals:
    """What two sides are compared by: rows, a hash of the keys, sums of the money columns.

    `key_hash` is the sum of the lower 64 bits of the keys' MD5, or of the source's own hash.
    """

    rows: int
    key_hash: int | None = None
    money: Mapping[str, Decimal] = field(default_factory=dict)


class StagedLoad(Protocol):
    """Rows of one stream on their way in. Nothing is visible before `commit`."""

    def append(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Stage rows of the landed columns; a key seen again replaces the earlier row.

        An optional int64 column `_key_hash` carries the source's hash of the key.
        """
        ...

    def append_all(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Stage many batches; the first load of a table may write them where they will stay."""
        ...

    def quarantine(self, rows: Iterable[Misfit]) -> None:
        """Remember values that did not fit; they are committed with the load."""
        ...

    def staged_rows(self) -> int:
        """Rows staged so far (repeated keys counted once)."""
        ...

    def key_totals(self) -> tuple[int, int]:
        """Return the number of staged keys and the sum of their hashes."""
        ...

    def key_delta(self) -> tuple[int, int]:
        """Return the same of those staged keys that the warehouse does not hold live."""
        ...

    def keys_not_in(self, keys: pa.Array) -> list[str]:
        """Return the live keys that are neither in `keys` nor staged."""
        ...

    def missing_keys(self, keys: pa.Array) -> list[str]:
        """Return those of `keys` that are neither live in the warehouse nor staged."""
        ...

    def delete_keys(self, keys: Iterable[str]) -> None:
        """Mark keys as gone from the source (unknown ones are ignored)."""
        ...

    def delete_all_but_staged(self) -> None:
        """Mark every live key that was not staged as gone: the source was read completely."""
        ...

    def delete_all_but(self, keys: pa.Array) -> None:
        """Mark every live key that is neither in `keys` nor staged as gone."""
        ...

    def delete_missing_children(self, parent_column: str, parents: Sequence[str]) -> None:
        """Mark live rows of these parents that were not staged as gone."""
        ...

    def totals(self, scope: Scope, *, hash_keys: bool) -> Totals:
        """Count, hash and sum; the hash is left out unless asked for."""
        ...

    def live_rows_after(self) -> int:
        """Live rows the stream will have once this load is committed."""
        ...

    def commit(
        self, cursor: Mapping[str, Any], ops: Mapping[str, list[dict[str, Any]]]
    ) -> LoadResult:
        """Write versions, tombstones, `ops` rows, ledger and cursor in one transaction."""
        ...

    def abandon(self) -> None:
        """Forget what was staged; safe to call twice and after a commit."""
        ...


class Warehouse(Protocol):
    """One open warehouse; a context manager that closes itself."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Run one select and return Arrow."""
        ...

    def rows(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run one select and return plain rows."""
        ...

    def stage(self, request: LoadRequest) -> StagedLoad:
        """Begin a load."""
        ...

    def land(
        self,
        request: LoadRequest,
        rows: Iterable[pa.RecordBatch] | pa.Table,
        *,
        cursor: Mapping[str, Any] | None = None,
        deleted_keys: Iterable[str] = (),
    ) -> LoadResult:
        """Stage and commit in one go; mode full or sweep also tombstones what was not seen."""
        ...

    def loaded(self, stream: str, as_of: datetime) -> LoadResult | None:
        """Say whether this load is known already or too old to land; None: it may land."""
        ...

    def cursor(self, stream: str) -> StreamCursor | None:
        """Return where the stream stands; None before its first load."""
        ...

    def fork(self) -> Self:
        """Open a second handle on the same state, for loads of other streams in a thread.

        Opened and closed by the thread that holds this one; what the fork has committed is
        seen here once it is closed.
        """
        ...

    def append_ops(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows to `ops.<table>`."""
        ...

    def replace_ops(
        self, table: str, rows: Iterable[Mapping[str, Any]], key: Sequence[str]
    ) -> None:
        """Put rows into `ops.<table>` in place of those with the same key columns."""
        ...

    def publish(self) -> None:
        """Make the working copy what readers open, atomically.

        Errors: PermanentFailure while its models are half built.
        """
        ...

    def publish_ops(self) -> None:
        """Publish what was written between runs; the rest of a half-built copy stays unread."""
        ...

    def close(self) -> None:
        """Close; safe to call twice."""
        ...
