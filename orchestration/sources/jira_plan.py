"""How Jira is read side by side: stretches of creation time, histories, ids. Lands nothing.

A search is a chain of pages, each named by the one before it. Stretches of creation time are
chains of their own; creation times never change, so no issue moves from one into another while
they are read. Whoever finds a worker idle, and no request waiting for our pace, hands over the
later part of its stretch.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

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

# Of a stretch without an end so many pages are kept at first; what lies beyond is handed over,
# and keeps twice as many: the end is found in few steps, whatever its distance.
_FIRST_PAGES = 8

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
        self._crew: Crew[Issues | Items | list[str]] = Crew(workers)
        self._lock = threading.Lock()
        self._chains = 0
        self._with_histories = False
        self._waiting: list[str] = []
        self.asked: set[str] = set()
        """Ids of the issues whose histories have been asked for."""

    def changed(
        self, since: datetime | None, *, whole: bool, histories: bool
    ) -> Generator[Issues | Items | Problem, None, None]:
        """Read the issues updated at or after `since` (all when None), and their histories.

        `whole`: with all fields; otherwise ids and times only. A `Problem` of `ISSUES` means
        that it is unknown which issues there are.
        """
        fields = FIELDS if whole else ("created", "updated")
        self._crew = Crew(self._workers)
        self._with_histories = histories

        def begin() -> None:
            self._begin_chain(fields, since, EVER, _FIRST_PAGES)

        for found in self._crew.results(begin):
            assert not isinstance(found, list)
            yield found

    def histories(self, ids: Sequence[str]) -> Iterator[Items | Problem]:
        """Read the histories of these issues."""
        if not ids:
            return
        self._crew = Crew(self._workers)
        self._waiting = list(ids)
        for found in self._crew.results(partial(self._ask_histories, at_least=1)):
            assert isinstance(found, Items | Problem)
            yield found

    def ids(self, bounds: Sequence[int] = ()) -> list[str]:
        """Return the ids of every issue of the project that the index knows.

        `bounds`: creation times (epoch milliseconds) that cut the listing into chains of at most
        about a page; without, it is one chain.
        """
        self._crew = Crew(self._workers)

        def begin() -> None:
            for stretch in zip((None, *bounds), (*bounds, None), strict=True):
                self._crew.start(IDS, partial(self._list, stretch))

        ids: list[str] = []
        for found in self._crew.results(begin):
            if isinstance(found, Problem):
                raise found.error
            assert isinstance(found, list)
            ids.extend(found)
        return ids

    def _list(self, stretch: Stretch) -> None:
        for page, _ in self._source.pages(("id",), stretch=stretch):
            self._crew.emit([issue["id"] for issue in page])

    def _begin_chain(
        self, fields: Sequence[str], since: datetime | None, stretch: Stretch, pages: int
    ) -> None:
        with self._lock:
            self._chains += 1
        self._crew.start(ISSUES, partial(self._chain, fields, since, stretch, pages))

    def _chain(
        self, fields: Sequence[str], since: datetime | None, stretch: Stretch, pages: int
    ) -> None:
        """Read the issues created in a stretch; `pages` is what is kept of one without end."""
        high = stretch[1]
        for page, has_more in self._source.pages(fields, since=since, stretch=stretch):
            # Another chain reads what was handed over, maybe later: only it may tell of that.
            mine = page if high == stretch[1] else [i for i in page if not _is_from(i, high)]
            last = created_of(page[-1]) if page else None
            is_over = not has_more or (len(mine) < len(page))
            if not is_over and self._crew.is_idle and not self._source.is_limited:
                first = created_of(page[0])
                middle = _middle(first, last, high, pages)
                if middle is not None:
                    self._begin_chain(fields, since, (middle, high), 2 * pages)
                    high = middle
            self._tell(mine)
            if is_over:
                break
        with self._lock:
            self._chains -= 1
            is_last = self._chains == 0
        if is_last and self._with_histories:
            self._ask_histories(at_least=1)

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


def _is_from(issue: Object, bound: int | None) -> bool:
    created = created_of(issue)
    return bound is not None and created is not None and created >= bound


def _middle(first: int | None, last: int | None, high: int | None, pages: int) -> int | None:
    """Where to cut what follows a page that reaches from `first` to `last`; None: not at all."""
    if first is None or last is None or last < first:
        return None
    span = max(last - first, 1)
    if high is None:
        return last + pages * span
    if high - last < _SMALLEST_PAGES * span:
        return None
    return min(last + (high - last) // 2, last + pages * span)
