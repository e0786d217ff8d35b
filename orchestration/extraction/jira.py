"""Jira into the warehouse: changed issues and their histories, id sweep for deletions."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pyarrow as pa

from orchestration.clock import iso, parse_utc
from orchestration.errors import ContractViolation, PaygoError, PermanentFailure, TransientFailure
from orchestration.extraction.outcome import (
    Extraction,
    StreamOutcome,
    failed,
    is_unreconciled,
    key_totals,
    ok,
    read_whole_at,
)
from orchestration.sources.contract import RawTable
from orchestration.sources.jira import JiraSource, Object, millis
from orchestration.sources.jira_plan import (
    HISTORIES,
    IDS,
    IDS_A_STRETCH,
    Issues,
    Items,
    JiraReader,
    moment_of,
)
from orchestration.sources.jira_records import history_builder, issue_builder, project_of
from orchestration.sources.parallel import Problem, many_threads
from orchestration.sources.records import RecordBuilder
from orchestration.sources.values import epoch_micros
from orchestration.warehouse.base import StagedLoad
from orchestration.warehouse.ledger import committed_rows
from orchestration.warehouse.raw import contract_fingerprint

_ISSUES = "jira.issues"
_HISTORIES = "jira.changelog_items"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Whatever the share: so many deletions a run are a clean-up by hand (2026-11; the limit in percent
# alone would stop a project of ten issues over its third).
_FEW_GONE = 100

# Rows that wait in memory before they are staged: small inserts cost more than the rows.
_STAGE_ROWS = 4_000

_BUILDERS: dict[str, Callable[[bytes], RecordBuilder]] = {
    _ISSUES: issue_builder,
    _HISTORIES: history_builder,
}


def extract(run: Extraction) -> list[StreamOutcome]:
    """Read the due streams of the configured project."""
    settings = run.settings
    if not (settings.jira_base_url and settings.jira_email and settings.jira_api_token):
        raise PermanentFailure(
            "Jira is not configured",
            todo="set PAYGO_JIRA_BASE_URL, PAYGO_JIRA_EMAIL and PAYGO_JIRA_API_TOKEN",
        )
    source = JiraSource(
        settings.jira_base_url,
        settings.jira_email,
        settings.jira_api_token.get_secret_value(),
        settings.jira_project,
        requests_per_second=settings.jira_requests_per_second,
    )
    with source, many_threads():
        source.probe()
        return _Reading(run, source).run()


class _Load:
    """The load of one stream while its pages arrive; its first error ends it."""

    def __init__(self, run: Extraction, table: RawTable, mode: str) -> None:
        self.table = table
        self.mode = mode
        self._staged = run.stage(table, "full" if mode == "full" else "delta")
        self.keys: set[str] = set()
        self.error: PaygoError | None = None
        self.result: StreamOutcome | None = None
        self._run = run
        self._builder = _BUILDERS[table.stream](run.hash_key)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def take(self, bodies: Sequence[Object]) -> None:
        """Stage objects, which are changed (redacted) in place."""
        if self.error is not None or not bodies:
            return
        try:
            records = self._builder.build(bodies)
            self._staged.quarantine(records.misfits)
            self._waiting.append(records.data)
            self._waiting_rows += records.data.num_rows
            if self._waiting_rows >= _STAGE_ROWS:
                self._flush()
        except PaygoError as error:
            self.fail(error)
            return
        self.keys.update(records.data.column(self.table.primary_key).to_pylist())

    @property
    def staged(self) -> StagedLoad:
        """The load with every row that has been taken."""
        self._flush()
        return self._staged

    def _flush(self) -> None:
        if self._waiting:
            self._staged.append(pa.Table.from_batches(self._waiting))
        self._waiting, self._waiting_rows = [], 0

    def abandon(self) -> None:
        """Leave nothing behind of what was not committed."""
        self._staged.abandon()

    def fail(self, error: PaygoError) -> None:
        """Remember the first reason why nothing of this stream will land."""
        self.error = self.error or error

    def attempt(self, work: Callable[[_Load], None]) -> None:
        """Do what is left, unless the stream has failed; what goes wrong stays with it."""
        if self.error is None:
            try:
                work(self)
            except PaygoError as error:
                self.fail(error)

    def outcome(self) -> StreamOutcome:
        unread = TransientFailure(f"{self.table.stream} was not read")
        return self.result or failed(self.table, self.error or unread)


class _Reading:
    """One reading of the project: changed issues and their histories, then all ids."""

    def __init__(self, run: Extraction, source: JiraSource) -> None:
        self._run = run
        self._source = source
        self._reader = JiraReader(source, run.settings.jira_connections)
        self._until = int(run.as_of.timestamp())
        self._since = self._start()
        self._seen: set[str] = set()
        self._latest: datetime | None = None
        self._loads: dict[str, _Load] = {}

    def run(self) -> list[StreamOutcome]:
        mode = "full" if self._since is None else "delta"
        try:
            for table in self._run.tables:
                self._loads[table.stream] = _Load(self._run, table, mode)
            self._read_changed()
            if _ISSUES in self._loads:
                self._loads[_ISSUES].attempt(self._finish_issues)
            if _HISTORIES in self._loads:
                self._loads[_HISTORIES].attempt(self._finish_histories)
        finally:
            for load in self._loads.values():
                load.abandon()
        return [self._loads[t.stream].outcome() for t in self._run.tables]

    def _start(self) -> datetime | None:
        """Where the due streams stand together, minus the lookback; None: everything is read."""
        moments = []
        for table in self._run.tables:
            standing = self._run.warehouse.cursor(table.stream)
            if standing is None or standing.cursor.get("contract") != contract_fingerprint(table):
                return None
            # The ids tell what is missing, not what is old.
            if is_unreconciled(standing, self._until, self._run.settings.jira_reconcile_days):
                return None
            moments.append(parse_utc(standing.cursor["updated"]))
        return min(moments) - timedelta(minutes=self._run.settings.jira_lookback_minutes)

    def _cursor(self, table: RawTable) -> dict[str, Any]:
        """Never beyond what the index is sure to have shown by the start of the run."""
        margin = timedelta(minutes=self._run.settings.jira_consistency_margin_minutes)
        sure = self._run.as_of - margin
        before, standing = self._since, self._run.warehouse.cursor(table.stream)
        latest = self._latest or before or sure
        return {
            "updated": iso(min(latest, sure) if before is None else max(before, min(latest, sure))),
            "read_whole": read_whole_at(standing) if before and standing else self._until,
            "contract": contract_fingerprint(table),
        }

    def _read_changed(self) -> None:
        """Stage what changed as it comes. An incomplete list of issues fails every stream."""
        is_whole = _ISSUES in self._loads
        found = self._reader.changed(
            self._since,
            whole=is_whole,
            histories=_HISTORIES in self._loads,
            bounds=self._bounds() if is_whole and self._since is not None else (),
        )
        try:
            for part in found:
                if isinstance(part, Issues):
                    self._take(part.bodies)
                elif isinstance(part, Items):
                    self._loads[_HISTORIES].take(part.bodies)
                elif part.owner == HISTORIES and isinstance(part.error, PaygoError):
                    self._loads[_HISTORIES].fail(part.error)
                elif part.owner == IDS and isinstance(part.error, PaygoError):
                    self._loads[_ISSUES].fail(part.error)
                else:
                    raise part.error
            # To a user without rights a list is shorter and a history empty, and neither says so.
            self._source.confirm_access()
        except PaygoError as error:
            for load in self._loads.values():
                load.fail(error)
        finally:
            found.close()

    def _take(self, issues: Sequence[Object]) -> None:
        if not issues:
            return
        self._note(issues)
        if _ISSUES in self._loads:
            self._loads[_ISSUES].take(issues)

    def _note(self, issues: Sequence[Object]) -> None:
        """Remember ids and the latest update: up to there all has been read."""
        self._seen.update([issue["id"] for issue in issues])
        latest = _latest(issues)
        self._latest = latest if self._latest is None else max(self._latest, latest)

    def _finish_issues(self, load: _Load) -> None:
        index = self._reader.ids
        self._refuse_zero(load.table, index)
        keys = pa.array(index, pa.string())
        # Rows move between pages while they are read: what the sweep knows must be here.
        for page in self._source.by_id(load.staged.missing_keys(keys)):
            self._take(page)
        unsure = [*load.staged.missing_keys(keys), *load.staged.keys_not_in(keys)]
        most = self._most_gone(load)
        gone = self._gone(unsure, most)
        if load.error is not None:
            raise load.error
        if unsure:
            # After the last 404: each of them was told to a user who may browse the project.
            self._source.confirm_access()
        self._refuse_many(load.table, gone, most)
        load.staged.delete_keys(gone)
        row = self._reconcile(load, index, gone)
        result = load.staged.commit(self._cursor(load.table), {"reconciliation": [row]})
        load.result = ok(load.table, load.mode, result)

    def _reconcile(self, load: _Load, index: Sequence[str], gone: set[str]) -> dict[str, Any]:
        """Require that what the index lists, and Jira does not deny, will be live.

        More may be: issues that the index does not list yet were asked for one by one.
        """
        # An index of which nothing is left was no list of deletions.
        known = sorted(set(index) - gone or set(index))
        after = load.staged.totals("all", hash_keys=True)
        row = self._run.reconciliation(load.table, key_totals(known), after)
        if load.staged.missing_keys(pa.array(known, pa.string())):
            row["verdict"] = "mismatched"
        elif row["verdict"] != "matched":
            row["verdict"] = "index_behind"
        self._run.require_match(row)
        return row

    def _gone(self, ids: Sequence[str], most: int) -> set[str]:
        """Ask for issues one by one; take those of the project, return those that are none of it.

        The index may be behind, with new issues and with deletions: only the issue itself says
        whether it is gone. Ends when more than `most` are.
        """
        gone: set[str] = set()
        for issue_id in ids:
            issue = self._source.issue(issue_id)
            if issue is not None and self._is_ours(issue):
                self._take([issue])
                continue
            gone.add(issue_id)
            if len(gone) > most:
                break
        return gone

    def _is_ours(self, issue: Object) -> bool:
        """Whether an issue that exists has not moved to another project.

        Its project's key decides. A renamed project is still found by its old key while its
        issues tell the new one, which is then that of the newest issue of the index. An issue
        without a key is for the contract to refuse.
        """
        key = project_of(issue)
        return key in (None, self._run.settings.jira_project) or key == self._source.project_key

    def _most_gone(self, load: _Load) -> int:
        """So many issues one run may take for deleted."""
        percent = self._run.settings.jira_deletion_limit_percent
        return max(_FEW_GONE, load.staged.live_rows_after() * percent // 100)

    def _refuse_many(self, table: RawTable, gone: set[str], most: int) -> None:
        if len(gone) > most:
            raise TransientFailure(
                f"{table.stream}: more than {most} issues would be deleted at once (the limit is "
                f"{self._run.settings.jira_deletion_limit_percent} % of the live ones)",
                tried="asking Jira for each one that its index does not list; that an issue does "
                "not exist is also what a user is told who may not see it",
                todo="see whether the token's user has lost an issue security level; when the "
                "issues are really gone, run once with PAYGO_JIRA_DELETION_LIMIT_PERCENT=100",
            )

    def _bounds(self) -> list[int]:
        """Cut the list of all ids into stretches of creation time, by what earlier runs saw."""
        table = self._loads[_ISSUES].table
        rows = self._run.warehouse.rows(
            "select distinct created_at from (select created_at, "
            "row_number() over (order by created_at) as place "
            f"from {committed_rows(table)} as issues) placed "
            f"where mod(place, {IDS_A_STRETCH}) = 0 order by created_at"
        )
        return [millis(row["created_at"].replace(tzinfo=UTC)) for row in rows]

    def _refuse_zero(self, table: RawTable, index: list[str]) -> None:
        (row,) = self._run.warehouse.rows(
            f"select count(*) as n from {committed_rows(table)} as issues"
        )
        if not index and (row["n"] or self._seen):
            raise TransientFailure(
                f"{table.stream}: Jira answers zero issues for "
                f"{self._run.settings.jira_project}, and the warehouse has some",
                tried="listing every id; an empty answer is what a token without rights gets",
                todo="see that the token's user still sees the project, then run again",
            )

    def _finish_histories(self, load: _Load) -> None:
        # Those of issues that only the sweep found.
        late = sorted(self._seen - self._reader.asked)
        for part in self._reader.histories(late):
            if isinstance(part, Problem):
                raise part.error
            load.take(part.bodies)
        if load.error is not None:
            raise load.error
        if late:
            self._source.confirm_access()
        row = self._run.reconciliation(
            load.table, key_totals(load.keys), load.staged.totals("read", hash_keys=True), "read"
        )
        self._run.require_match(row)
        result = load.staged.commit(self._cursor(load.table), {"reconciliation": [row]})
        load.result = ok(load.table, load.mode, result)


def _latest(issues: Sequence[Object]) -> datetime:
    """Return the latest update: of all at once, or one by one when a time is out of the ordinary.

    The second way names the issue without one.
    """
    micros = None
    with contextlib.suppress(KeyError, TypeError):
        micros = epoch_micros([issue["fields"]["updated"] for issue in issues])
    if micros is None or None in micros:
        return max(map(_updated, issues))
    return _EPOCH + timedelta(microseconds=max(cast(list[int], micros)))


def _updated(issue: Object) -> datetime:
    moment = moment_of(issue, "updated")
    if moment is None:
        # Without it nobody knows up to when the project has been read.
        raise ContractViolation(
            f"{_ISSUES}: column 'updated_at' has no time in row {issue['id']}",
            tried="holding the source's objects against the contract; nothing of this "
            "source was landed",
            todo="see what changed in the source, then change the contract",
        )
    return moment.astimezone(UTC)
