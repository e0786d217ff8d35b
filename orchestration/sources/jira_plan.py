"""How Jira is read side by side: stretches of creation time, histories, ids. Lands nothing.

A search is a chain of pages, each named by the one before it. Stretches of creation time are
chains of their own; creation times never change, so no issue moves from one into another while
they are read. The first page and the newest issue say where to cut at first; whoever then finds
a worker idle, and no request waiting for our pace, hands over the later part of its stretch.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise

from orchestration.sources.jira import (
    EVER,
    FIELDS,
    ISSUES_A_HISTORY_CALL,
    JiraSource,
    Object,
    Stretch,
    millis,
)
from orchestration.sources.parallel import Crew, Problem

ISSUES, HISTORIES, IDS = "issues", "histories", "ids"
"""Owners of the problems that a reading may meet."""

# Shorter stretches are not worth a page of their own that comes half empty.
_SMALLEST_PAGES = 3

IDS_A_STRETCH = 4500
"""So many ids are listed in one answer, with room for what has come since they were counted."""


@dataclass(frozen=True)
class Issues:
    """A page of issues as Jira gave them."""

    bodies: list[Object]


@dataclass(frozen=True)
class Items:
    """Changelog items."""

    bodies: list[Object]


class JiraReader:
    """Reads with `workers` requests in flight; yields in the caller's thread."""

    def __init__(self, source: JiraSource, workers: int) -> None:
        self._source = source
        self._workers = workers
        self._crew: Crew[Issues | Items] = Crew(workers)
        self._lock = threading.Lock()
        self._chains = 0
        self._newest: int | None = None
        self._has_cut = False
        self._fields: Sequence[str] = FIELDS
        self._since: datetime | None = None
        self._bounds: Sequence[int] = ()
        self._ends: list[tuple[int, int]] = []
        self._with_ids = self._with_histories = False
        self._waiting: list[str] = []
        self.asked: set[str] = set()
        """Ids of the issues whose histories have been asked for."""
        self.ids: list[str] = []
        """Ids of every issue of the project that the index knows, once they were listed."""

    def changed(
        self, since: datetime | None, *, whole: bool, histories: bool, bounds: Sequence[int] = ()
    ) -> Generator[Issues | Items | Problem, None, None]:
        """Read the issues updated at or after `since` (all when None), and their histories.

        `whole`: with all fields, and once the issues are known, all `ids` are listed beside the
        last histories; otherwise ids and times only. `bounds`: creation times (epoch milliseconds)
        that cut this list into chains of about a page; where everything is read, its pages tell.

        A `Problem` of `ISSUES` means that it is unknown which issues there are, one of `IDS`
        that it is unknown which are left.
        """
        self._fields = FIELDS if whole else ("created", "updated")
        self._since, self._bounds = since, bounds
        self._with_ids, self._with_histories = whole, histories
        self._crew = Crew(self._workers)
        yield from self._crew.results(partial(self._crew.start, ISSUES, self._begin))

    def _begin(self) -> None:
        # Nothing is cut for one worker, so nobody needs to know where to.
        newest = self._source.newest(self._since) if self._workers > 1 else None
        self._newest = created_of(newest) if newest is not None else None
        self._begin_chain(EVER)

    def histories(self, ids: Sequence[str]) -> Iterator[Items | Problem]:
        """Read the histories of these issues."""
        if not ids:
            return
        self._crew = Crew(self._workers)
        self._waiting = list(ids)
        for found in self._crew.results(partial(self._ask_histories, at_least=1)):
            assert isinstance(found, Items | Problem)
            yield found

    def _begin_chain(self, stretch: Stretch) -> None:
        with self._lock:
            self._chains += 1
        self._crew.start(ISSUES, partial(self._chain, stretch))

    def _chain(self, stretch: Stretch) -> None:
        """Read the issues created in a stretch."""
        high = stretch[1]
        for page, has_more in self._source.pages(self._fields, since=self._since, stretch=stretch):
            # Another chain reads what was handed over, maybe later: only it may tell of that.
            mine = page if high == stretch[1] else [i for i in page if not _is_from(i, high)]
            # A page may come empty and still name the next one.
            first, last = (created_of(page[0]), created_of(page[-1])) if page else (None, None)
            is_over = not has_more or (len(mine) < len(page))
            if not is_over and not self._source.is_limited:
                cuts = self._cuts(first, last, high)
                for later in pairwise((*cuts, high)):
                    self._begin_chain(later)
                high = cuts[0] if cuts else high
            if last is not None:
                with self._lock:
                    self._ends.append((last, len(page)))
            self._tell(mine)
            if is_over:
                break
        with self._lock:
            self._chains -= 1
            is_last = self._chains == 0
        if is_last and self._with_histories:
            self._ask_histories(at_least=1)
        if is_last and self._with_ids:
            bounds = self._bounds if self._since is not None else bounds_of(self._ends)
            for part in zip((None, *bounds), (*bounds, None), strict=True):
                self._crew.start(IDS, partial(self._list, part))

    def _cuts(self, first: int | None, last: int | None, high: int | None) -> Sequence[int]:
        """Where to cut what follows a page that reaches from `first` to `last`.

        The first cut occupies every worker. Those after it make two of one: issues crowd in time,
        and each guess of where costs a request.
        """
        end = self._newest if high is None else high
        with self._lock:
            parts = min(self._crew.idle + 1, 2 if self._has_cut else self._workers)
            if end is None or first is None or last is None or last < first:
                return ()
            span = max(last - first, 1)
            parts = min(parts, 2 * (end - last) // (_SMALLEST_PAGES * span))
            self._has_cut |= parts > 1
        return [last + (end - last) * part // parts for part in range(1, parts)]

    def _list(self, stretch: Stretch) -> None:
        for page, _ in self._source.pages(("id",), stretch=stretch):
            with self._lock:
                self.ids.extend(issue["id"] for issue in page)

    def _tell(self, issues: list[Object]) -> None:
        if not issues:
            return
        # Read before they are handed over: what the caller builds of them changes them.
        ids = [issue["id"] for issue in issues]
        self._crew.emit(Issues(issues))
        if self._with_histories:
            with self._lock:
                self._waiting.extend(ids)
            self._ask_histories(at_least=ISSUES_A_HISTORY_CALL)

    def _ask_histories(self, at_least: int) -> None:
        """Start a call for every thousand issues that wait for it (and for the rest of them)."""
        while True:
            with self._lock:
                if len(self._waiting) < at_least:
                    return
                part = self._waiting[:ISSUES_A_HISTORY_CALL]
                del self._waiting[:ISSUES_A_HISTORY_CALL]
                part = [i for i in dict.fromkeys(part) if i not in self.asked]
                self.asked.update(part)
            if part:
                self._crew.start(HISTORIES, partial(self._histories_of, part))

    def _histories_of(self, ids: Sequence[str]) -> None:
        for items in self._source.histories(ids):
            self._crew.emit(Items(items))


def created_of(issue: Object) -> int | None:
    """Return the creation time (epoch milliseconds); None when the issue does not tell it."""
    moment = moment_of(issue, "created")
    return None if moment is None else millis(moment)


def moment_of(issue: Object, name: str) -> datetime | None:
    """Return a time of an issue (aware); None when there is none, or one without an offset."""
    try:
        moment = datetime.fromisoformat(issue["fields"][name])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def bounds_of(ends: Sequence[tuple[int, int]]) -> list[int]:
    """Cut a list of ids into stretches of about a page, where pages of issues ended.

    `ends`: of every page the last creation time (epoch milliseconds) and how many issues it has.
    """
    bounds, count = [], 0
    for end, issues in sorted(ends):
        if count + issues > IDS_A_STRETCH:
            bounds.append(end)
            count = 0
        count += issues
    return sorted(set(bounds))


def _is_from(issue: Object, bound: int | None) -> bool:
    created = created_of(issue)
    return bound is not None and created is not None and created >= bound
