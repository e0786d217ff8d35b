"""Jira into the warehouse: changed issues, id sweep for deletions, histories of what changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from orchestration.clock import iso, parse_utc
from orchestration.errors import PaygoError, PermanentFailure, TransientFailure
from orchestration.extraction.outcome import Extraction, StreamOutcome, failed, key_totals, ok
from orchestration.sources.contract import RawTable
from orchestration.sources.jira import JiraSource, Object, history_builder, issue_builder
from orchestration.sources.records import RecordBuilder
from orchestration.warehouse.base import StagedLoad
from orchestration.warehouse.raw import contract_fingerprint

_ISSUES = "jira.issues"
_STAGE_ROWS = 1000


def extract(run: Extraction) -> list[StreamOutcome]:
    """Read the due streams of the configured project."""
    settings = run.settings
    if not (settings.jira_base_url and settings.jira_email and settings.jira_api_token):
        raise PermanentFailure(
            "Jira is not configured",
            todo="set PAYGO_JIRA_BASE_URL, PAYGO_JIRA_EMAIL and PAYGO_JIRA_API_TOKEN",
        )
    token = settings.jira_api_token.get_secret_value()
    with JiraSource(
        settings.jira_base_url,
        settings.jira_email,
        token,
        settings.jira_project,
        requests_per_second=settings.jira_requests_per_second,
    ) as source:
        source.probe()
        return _Reading(run, source).run()


class _Reading:
    """One reading of the project: issues first, then the histories of those that changed."""

    def __init__(self, run: Extraction, source: JiraSource) -> None:
        self._run = run
        self._source = source
        self._since = self._start()
        self._seen: set[str] = set()
        self._items: set[str] = set()
        self._latest: datetime | None = None

    def run(self) -> list[StreamOutcome]:
        outcomes = {}
        by_stream = {t.stream: t for t in self._run.tables}
        issues = by_stream.get(_ISSUES)
        if issues is not None:
            outcomes[_ISSUES] = self._guarded(issues, self._issues)
        else:
            for page in self._source.changed(self._since):
                self._note(page)
        for stream, table in by_stream.items():
            if stream != _ISSUES:
                outcomes[stream] = self._guarded(table, self._histories)
        return [outcomes[t.stream] for t in self._run.tables]

    def _guarded(self, table: RawTable, load: Any) -> StreamOutcome:
        staged = self._run.stage(table, "full" if self._since is None else "delta")
        try:
            result: StreamOutcome = load(table, staged)
            return result
        except PaygoError as error:
            return failed(table, error)
        finally:
            staged.abandon()

    def _start(self) -> datetime | None:
        """Where the due streams stand together, minus the lookback; None: read everything."""
        moments = []
        for table in self._run.tables:
            standing = self._run.warehouse.cursor(table.stream)
            if standing is None or standing.cursor.get("contract") != contract_fingerprint(table):
                return None
            moments.append(parse_utc(standing.cursor["updated"]))
        return min(moments) - timedelta(minutes=self._run.settings.jira_lookback_minutes)

    def _cursor(self, table: RawTable) -> dict[str, Any]:
        """Never beyond what the index is sure to have shown by the start of the run."""
        margin = timedelta(minutes=self._run.settings.jira_consistency_margin_minutes)
        sure = self._run.as_of - margin
        before = self._since
        latest = self._latest or before or sure
        return {
            "updated": iso(min(latest, sure) if before is None else max(before, min(latest, sure))),
            "contract": contract_fingerprint(table),
        }

    def _note(self, issues: Sequence[Object]) -> None:
        self._seen.update(i["id"] for i in issues)

    def _issues(self, table: RawTable, staged: StagedLoad) -> StreamOutcome:
        builder = issue_builder(self._run.hash_key)
        for page in self._source.changed(self._since):
            self._stage(table, staged, builder, page)
        index = self._source.ids()
        self._refuse_zero(table, index)
        keys = pa.array(index, pa.string())
        # Rows move between pages while they are read: what the sweep knows must be here.
        for page in self._source.by_id(staged.missing_keys(keys)):
            self._stage(table, staged, builder, page)
        # What the index does not show may be delayed: only the issue itself says it is gone.
        for issue_id in staged.keys_not_in(keys):
            issue = self._source.issue(issue_id)
            if issue is None:
                staged.delete_keys([issue_id])
            else:
                self._stage(table, staged, builder, [issue])
        mode = "full" if self._since is None else "delta"
        after = staged.totals("all", hash_keys=True)
        row = self._run.reconciliation(table, key_totals(index), after)
        if row["verdict"] != "matched":
            # Issues that the index does not show yet were asked for one by one: they are there.
            row["verdict"] = "index_behind"
        result = staged.commit(self._cursor(table), {"reconciliation": [row]})
        return ok(table, mode, result)

    def _stage(
        self, table: RawTable, staged: StagedLoad, builder: RecordBuilder, page: Sequence[Object]
    ) -> None:
        self._note(page)
        if not page:
            return
        records = builder.build(page)
        staged.append(records.data)
        staged.quarantine(records.misfits)
        latest = pc.max(records.data.column("updated_at")).as_py().replace(tzinfo=UTC)
        self._latest = max(self._latest, latest) if self._latest else latest
        self._run.progress(table.stream, len(self._seen))

    def _refuse_zero(self, table: RawTable, index: list[str]) -> None:
        (row,) = self._run.warehouse.rows(f"select count(*) as n from raw.{table.raw_name}")
        if not index and (row["n"] or self._seen):
            raise TransientFailure(
                f"{table.stream}: Jira answers zero issues for "
                f"{self._run.settings.jira_project}, and the warehouse has some",
                tried="listing every id; an empty answer is what a token without rights gets",
                todo="see that the token's user still sees the project, then run again",
            )

    def _histories(self, table: RawTable, staged: StagedLoad) -> StreamOutcome:
        builder = history_builder(self._run.hash_key)
        items: list[Object] = []
        for item in self._source.histories(sorted(self._seen)) if self._seen else ():
            items.append(item)
            if len(items) >= _STAGE_ROWS:
                self._stage_items(table, staged, builder, items)
        self._stage_items(table, staged, builder, items)
        mode = "full" if self._since is None else "delta"
        row = self._run.reconciliation(
            table, key_totals(self._items), staged.totals("read", hash_keys=True), "read"
        )
        self._run.require_match(row)
        return ok(table, mode, staged.commit(self._cursor(table), {"reconciliation": [row]}))

    def _stage_items(
        self, table: RawTable, staged: StagedLoad, builder: RecordBuilder, items: list[Object]
    ) -> None:
        if items:
            self._items.update(i["changelog_item_id"] for i in items)
            records = builder.build(items)
            staged.append(records.data)
            staged.quarantine(records.misfits)
            self._run.progress(table.stream, staged.staged_rows())
        items.clear()
