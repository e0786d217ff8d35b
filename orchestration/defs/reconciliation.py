"""Source against warehouse as a blocking check of every raw asset that is read from a system.

Belongs here: what the rows of `ops.reconciliation` say to Dagster and to the page. Does not:
the comparison itself, which extraction makes before it commits (`orchestration.extraction`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.sources.contract import CONTRACT, RawTable

if TYPE_CHECKING:
    from datetime import datetime

    from orchestration.extraction import StreamOutcome
    from orchestration.warehouse.base import Warehouse

CHECK = "reconciliation"

# Read from files of our own or from what has landed: there is no other side to compare with.
_WITHOUT_SOURCE = frozenset({"knowledge", "tickets"})

_LATEST = """
select * from (
    select *, rank() over (partition by stream order by as_of desc) as place
    from ops.reconciliation
    where as_of <= ?
) ranked
where place = 1
"""

_SIDES = ("count", "key_hash", "money")


def stream_key(stream: str) -> dg.AssetKey:
    """Return the asset key of a stream's raw table."""
    return dg.AssetKey(["raw", *stream.split(".", 1)])


def is_reconciled(table: RawTable) -> bool:
    """Say whether a stream is compared with its source."""
    return table.source not in _WITHOUT_SOURCE


def reconciliation_specs(tables: Sequence[RawTable] = CONTRACT) -> list[dg.AssetCheckSpec]:
    """Return the check of every reconciled stream; what stands on its asset waits for it."""
    return [
        dg.AssetCheckSpec(
            CHECK,
            asset=stream_key(table.stream),
            blocking=True,
            description=f"Count, keys and money of {table.source_relation} agree with "
            "what the warehouse holds.",
        )
        for table in tables
        if is_reconciled(table)
    ]


def problems(row: Mapping[str, Any]) -> list[str]:
    """Say where the two sides of a row differ; an unknown hash or sum is no difference."""
    if row["verdict"] == "index_behind":
        return []
    found = []
    for name in _SIDES:
        source, warehouse = row[f"source_{name}"], row[f"warehouse_{name}"]
        is_unknown = name != "count" and {source, warehouse} & {None, "", "{}"}
        if source != warehouse and not is_unknown:
            found.append(f"{name.replace('_', ' ')} {source} in the source, {warehouse} here")
    if not found and row["verdict"] != "matched":
        found.append(f"the verdict is {row['verdict']}")
    return found


def evaluations(
    warehouse: "Warehouse", as_of: "datetime", outcomes: Sequence["StreamOutcome"]
) -> Iterator[dg.AssetCheckResult]:
    """Yield the check of every stream that was read up to `as_of`, or could not be reconciled.

    A stream that failed for another reason was not compared and is not evaluated.
    """
    from orchestration.extraction import ReconciliationFailure

    latest = latest_rows(warehouse, as_of)
    known = {t.stream for t in CONTRACT if is_reconciled(t)}
    for outcome in outcomes:
        if outcome.stream not in known:
            continue
        if outcome.status == "ok":
            yield _evaluation(outcome.stream, latest.get(outcome.stream))
        elif isinstance(outcome.error, ReconciliationFailure):
            yield _evaluation(outcome.stream, outcome.error.row)


def latest_rows(warehouse: "Warehouse", as_of: "datetime") -> dict[str, dict[str, Any]]:
    """Return each stream's last row; where a failed attempt was repeated, that which landed."""
    found: dict[str, dict[str, Any]] = {}
    for row in warehouse.rows(_LATEST, (as_of.replace(tzinfo=None),)):
        known = found.get(row["stream"])
        if known is None or problems(known):
            found[row["stream"]] = row
    return found


def unreconciled(warehouse: "Warehouse", now: "datetime") -> list[str]:
    """Name the streams whose landed rows do not agree with their source."""
    standing = {
        row["stream"]: row["as_of"]
        for row in warehouse.rows("select stream, as_of from ops.stream_cursors")
    }
    return [
        f"{stream}: {'; '.join(found)}"
        for stream, row in sorted(latest_rows(warehouse, now).items())
        if (found := problems(row)) and row["as_of"] <= standing.get(stream, row["as_of"])
    ]


def _evaluation(stream: str, row: Mapping[str, Any] | None) -> dg.AssetCheckResult:
    wrong = ["nothing was compared"] if row is None else problems(row)
    names = [f"{side}_{name}" for name in _SIDES for side in ("source", "warehouse")]
    return dg.AssetCheckResult(
        passed=not wrong,
        asset_key=stream_key(stream),
        check_name=CHECK,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(wrong) or None,
        metadata={n: str(row[n]) for n in ("verdict", "scope", "as_of", *names)} if row else {},
    )
