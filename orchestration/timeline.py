"""One account over all six stores, as a timeline. One query on a mart; no rule of any metric."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.clock import iso
from orchestration.errors import PermanentFailure

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

TIMELINE_SQL = """
select happened_at, store, event as what, entity_id, detail, is_time_of_sight
from marts.fct_account_timeline
where account_id = ?
order by happened_at, store, event, entity_id, detail
"""


def account_timeline(warehouse: Warehouse, account_id: str) -> list[dict[str, Any]]:
    """Return what happened to the account, oldest first; PermanentFailure when no store knows it.

    State changes (flags, plans, metadata) stand at the moment they were first seen, and say so.
    """
    rows = warehouse.rows(TIMELINE_SQL, (account_id,))
    if not rows:
        raise PermanentFailure(
            f"no store knows the account {account_id!r}.",
            todo="use an account id such as those that `paygo drift --json` names.",
        )
    return [{"at": _when(row.pop("happened_at")), **row} for row in rows]


def _when(at: datetime | None) -> str | None:
    return iso(at.replace(tzinfo=UTC)) if at else None
