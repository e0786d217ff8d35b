"""Marks on discrepancies: a person accepts one, or calls it false. Written to the ops schema.

A mark never closes a discrepancy and never changes a count of a metric: it is kept beside it and
counted. Every mark ever set stays in `ops.drift_marks`; the last one of a discrepancy holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.errors import PermanentFailure
from orchestration.warehouse import finished_models, open_warehouse
from orchestration.workspace import run_lock

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.warehouse.base import Warehouse

MARKS = {"accept": "accepted", "false": "false", "clear": "cleared"}
"""Word on the command line → what is stored."""

FIND_SQL = """
select detector, discrepancy_id, entity_id, account_id, kind, state, mark
from reporting.rpt_drift_current
where discrepancy_id = ? or entity_id = ?
order by detector, kind
"""

COUNT_SQL = "select count(*) as marks from ops.drift_marks where discrepancy_id = ?"


def find(warehouse: Warehouse, name: str) -> dict[str, Any]:
    """Return the discrepancy of that id, or the only living one of that entity.

    Errors: PermanentFailure when there is none, or when the entity has several.
    """
    found = warehouse.rows(FIND_SQL, (name, name))
    living = [row for row in found if row["state"] != "resolved"]
    chosen = found if len(found) == 1 else living
    if not found:
        raise PermanentFailure(
            f"no discrepancy {name!r} was ever seen.",
            todo="use a discrepancy_id or entity_id that `paygo drift --detector ... ` lists.",
        )
    if len(chosen) != 1:
        ids = ", ".join(f"{row['discrepancy_id']} ({row['kind']}, {row['state']})" for row in found)
        raise PermanentFailure(f"{name!r} has several discrepancies.", todo=f"choose one: {ids}.")
    return chosen[0]


def mark(settings: Settings, name: str, word: str, reason: str, by: str | None) -> str:
    """Set a mark (accept, false or clear) on a discrepancy, publish it, and say what was done.

    Errors: PermanentFailure for an unknown word, an empty reason, an unknown discrepancy, or
    clearing one that carries no mark.
    """
    if word not in MARKS:
        raise PermanentFailure(f"no mark {word!r}.", todo=f"use one of {', '.join(MARKS)}.")
    if not reason.strip():
        raise PermanentFailure("a mark needs a reason.", todo="say why with --reason.")
    now = settings.clock().now()
    with run_lock(settings), open_warehouse(settings, "write") as warehouse:
        with finished_models(settings, warehouse) as models:
            found = find(models, name)
        if word == "clear" and found["mark"] is None:
            raise PermanentFailure(f"{found['discrepancy_id']} carries no mark.")
        row = {
            **{k: found[k] for k in ("discrepancy_id", "detector", "entity_id", "kind")},
            "mark_number": warehouse.rows(COUNT_SQL, (found["discrepancy_id"],))[0]["marks"] + 1,
            "mark": MARKS[word],
            "reason": reason.strip(),
            "marked_by": by,
            "marked_at": now,
        }
        warehouse.append_ops("drift_marks", [row])
        warehouse.publish_ops()
    return f"{found['discrepancy_id']} ({found['kind']} of {found['entity_id']}): {MARKS[word]}"
