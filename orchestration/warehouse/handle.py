"""What every engine's handle does alike: land rows once, know what has landed, close itself.

Belongs here: decisions about loads that no engine's SQL changes. Does not: statements, connections.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from orchestration.closing import Closing
from orchestration.sources.contract import table as contract_of
from orchestration.warehouse import ledger
from orchestration.warehouse.base import LoadRequest, LoadResult, StagedLoad, StreamCursor


class Handle(Closing):
    """The shared half of a `base.Warehouse`; the engine brings the rest."""

    def __init__(self) -> None:
        self._cursors: dict[str, StreamCursor] | None = None

    @abstractmethod
    def stage(self, request: LoadRequest) -> StagedLoad:
        """See `base.Warehouse`."""

    @abstractmethod
    def _read_cursors(self) -> Iterable[StreamCursor]:
        """Read where every stream stands."""

    @abstractmethod
    def _is_in_ledger(self, load: str) -> bool:
        """Say whether the ledger holds a load of that id."""

    def land(
        self,
        request: LoadRequest,
        rows: Iterable[pa.RecordBatch] | pa.Table,
        *,
        cursor: Mapping[str, Any] | None = None,
        deleted_keys: Iterable[str] = (),
    ) -> LoadResult:
        known = self.loaded(request.stream, request.as_of)
        if known is not None:
            return known
        staged = self.stage(request)
        try:
            for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
                staged.append(batch)
            staged.delete_keys(deleted_keys)
            if request.mode != "delta":
                staged.delete_all_but_staged()
            return staged.commit(cursor or {}, {})
        finally:
            staged.abandon()

    def loaded(self, stream: str, as_of: datetime) -> LoadResult | None:
        load = ledger.load_id(contract_of(stream), as_of)
        standing = self.cursor(stream)
        if standing is None or standing.as_of < as_of:
            return None
        # An older load may be in the ledger or not; neither is read again.
        known = standing.load_id == load or self._is_in_ledger(load)
        return LoadResult(load, "already_loaded" if known else "older_than_cursor")

    def cursor(self, stream: str) -> StreamCursor | None:
        # No other handle writes this stream: what was read once stays true until this one writes.
        if self._cursors is None:
            self._cursors = {standing.stream: standing for standing in self._read_cursors()}
        return self._cursors.get(stream)

    def remember(self, standing: StreamCursor) -> None:
        """Follow a load that this handle has committed."""
        if self._cursors is not None:
            self._cursors[standing.stream] = standing

    def forget_cursors(self) -> None:
        """Read the cursors anew at the next question: a fork has committed loads."""
        self._cursors = None
