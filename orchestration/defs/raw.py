"""Raw assets: one multi-asset a source, keyed `raw/<source>/<table>`, from the contract.

Belongs here: turning stream outcomes into materialisations and failures. Does not:
reading or landing anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

import dagster as dg

from orchestration.clock import iso
from orchestration.defs.reconciliation import evaluations, reconciliation_specs, stream_key
from orchestration.defs.runtime import RUNTIME, WRITING, Attempt, Runtime
from orchestration.extraction.lanes import extract_side_by_side
from orchestration.sources.contract import CONTRACT, RawTable, tables

if TYPE_CHECKING:
    from datetime import datetime

    from orchestration.extraction import StreamOutcome

_Event = dg.MaterializeResult[None] | dg.AssetCheckResult


def raw_key(table: RawTable) -> dg.AssetKey:
    """Return the asset key of a contract table."""
    return stream_key(table.stream)


def raw_spec(table: RawTable, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetSpec:
    """Describe a contract table to Dagster; skippable, because its stream may fail alone."""
    return dg.AssetSpec(
        raw_key(table),
        deps=list(deps),
        skippable=True,
        group_name=f"raw_{table.source}",
        kinds={table.source if table.source in ("stripe", "jira") else "postgres"}
        if table.source in ("stripe", "jira", "engine", "billing", "core")
        else {"python"},
        description=f"Append-only history of {table.source_relation} ({table.entities}).",
        metadata={"stream": table.stream, "primary_key": table.primary_key},
    )


def source_assets(source: str, deps: Sequence[dg.AssetKey] = ()) -> dg.AssetsDefinition:
    """Build the multi-asset that extracts one source; any subset of its tables can be selected."""
    specs = [raw_spec(table, deps) for table in tables(source)]

    @dg.multi_asset(
        name=f"extract_{source}",
        specs=specs,
        check_specs=reconciliation_specs(tables(source)),
        can_subset=True,
        pool=WRITING,
        required_resource_keys={RUNTIME},
    )
    def extract(context: dg.AssetExecutionContext) -> Iterator[_Event]:
        runtime = _runtime(context)
        selected = context.selected_asset_keys
        streams = [t.stream for t in tables(source) if raw_key(t) in selected]
        outcomes: list[StreamOutcome] = []
        with runtime.warehouse() as warehouse:
            for as_of in runtime.as_ofs:
                outcomes = runtime.extract(as_of, source, streams, warehouse)
                yield from _materialisations(as_of, outcomes)
            yield from _selected(context, evaluations(warehouse, runtime.as_ofs[-1], outcomes))
        raise_failures(outcomes)

    return extract


def replay_assets() -> dg.AssetsDefinition:
    """Build the multi-asset of all sources that replays many days in one run.

    The sources move together: the platform stands at one moment at a time. Only a stream's
    last materialisation is recorded, with the number of days that it covers.
    """

    @dg.multi_asset(
        name="replay_all_sources",
        specs=[raw_spec(table) for table in CONTRACT],
        check_specs=reconciliation_specs(),
        can_subset=True,
        pool=WRITING,
        required_resource_keys={RUNTIME},
    )
    def replay(context: dg.AssetExecutionContext) -> Iterator[_Event]:
        runtime = _runtime(context)
        with runtime.warehouse() as warehouse:
            for as_of in runtime.as_ofs:
                if runtime.advance is not None:
                    runtime.advance(as_of)
                extract_side_by_side(
                    _wanted(runtime, as_of), partial(runtime.extract, as_of), warehouse
                )
                if runtime.on_day is not None:
                    runtime.on_day(as_of)
            yield from _summaries(runtime.attempts)
            last = {a.outcome.stream: a.outcome for a in runtime.attempts}
            found = evaluations(warehouse, runtime.as_ofs[-1], list(last.values()))
            yield from _selected(context, found)

    return replay


def _selected(
    context: dg.AssetExecutionContext, results: Iterable[dg.AssetCheckResult]
) -> Iterator[dg.AssetCheckResult]:
    wanted = {key.asset_key for key in context.selected_asset_check_keys}
    yield from (result for result in results if result.asset_key in wanted)


def _wanted(runtime: Runtime, as_of: "datetime") -> dict[str, list[str]]:
    """Streams to read at a moment, by source."""
    sources = dict.fromkeys(table.source for table in CONTRACT)
    if runtime.wanted is not None:
        return {source: list(runtime.wanted(as_of, source)) for source in sources}
    return {source: [t.stream for t in tables(source)] for source in sources}


def raise_failures(outcomes: Sequence["StreamOutcome"]) -> None:
    """Fail the step when a stream failed, naming each; the others are materialised already."""
    failed = [o for o in outcomes if o.status == "failed"]
    if failed:
        lines = "; ".join(f"{o.stream}: {o.error}" for o in failed)
        raise dg.Failure(f"{len(failed)} stream(s) failed: {lines}", allow_retries=False)


def _runtime(context: dg.AssetExecutionContext) -> Runtime:
    return cast(Runtime, getattr(context.resources, RUNTIME))


def _materialisations(
    as_of: "datetime", outcomes: Sequence["StreamOutcome"]
) -> Iterator[dg.MaterializeResult[None]]:
    for outcome in outcomes:
        if outcome.status == "ok":
            yield dg.MaterializeResult(
                asset_key=stream_key(outcome.stream),
                metadata={
                    "rows": outcome.rows_appended,
                    "rows_deleted": outcome.rows_deleted,
                    "mode": outcome.mode,
                    "as_of": iso(as_of),
                },
            )


def _summaries(attempts: Sequence[Attempt]) -> Iterator[dg.MaterializeResult[None]]:
    """One result a stream that is complete at its last attempt, over all its days."""
    by_stream: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_stream.setdefault(attempt.outcome.stream, []).append(attempt)
    for stream, mine in by_stream.items():
        good = [a for a in mine if a.outcome.status == "ok"]
        if good and mine[-1].outcome.status == "ok":
            yield dg.MaterializeResult(
                asset_key=stream_key(stream),
                metadata={
                    "rows": sum(a.outcome.rows_appended for a in good),
                    "loads": len(good),
                    "as_of": iso(good[-1].as_of),
                },
            )
