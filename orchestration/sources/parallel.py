"""Several reads at once, results in one place: workers, a bounded queue, work that grows.

Knows no API. Tasks run in threads and may start further tasks; what they emit is yielded in
the caller's thread, which may so use things that are not for sharing. A task's error is
yielded as well: whether the others go on is for the caller to say.
"""

from __future__ import annotations

import contextlib
import gc
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")

_DONE = object()

_RARELY = (2_000_000, 20, 100)
_TURN_SECONDS = 0.001


@dataclass(frozen=True)
class Problem:
    """A task ended with this error; `owner` is what it was started for."""

    owner: str
    error: Exception


class Crew(Generic[T]):
    """Runs tasks in `workers` threads; `emit` and `start` are for the tasks."""

    # So many results wait: reading goes on while the caller writes for two seconds.
    def __init__(self, workers: int, *, waiting: int = 256) -> None:
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._results: queue.Queue[object] = queue.Queue(maxsize=waiting)
        self._lock = threading.Lock()
        self._open = 0
        self._stopped = threading.Event()
        self._given_up: set[str] = set()

    @property
    def idle(self) -> int:
        """How many workers have nothing to do, so that splitting work would help."""
        with self._lock:
            return max(0, self._workers - self._open)

    def start(self, owner: str, task: Callable[[], None]) -> None:
        """Start a task, also from within another one."""
        with self._lock:
            self._open += 1
        assert self._pool is not None
        self._pool.submit(self._run, owner, task)

    def emit(self, result: T) -> None:
        """Hand a result to the caller's thread; waits while that is busy."""
        if not self._hand_over(result):
            raise RuntimeError("the reading was stopped")

    def _hand_over(self, result: object) -> bool:
        """Wait for room, and no longer than somebody takes results."""
        while not self._stopped.is_set():
            try:
                self._results.put(result, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False

    def give_up(self, owner: str) -> None:
        """Skip the tasks of `owner` that have not begun."""
        with self._lock:
            self._given_up.add(owner)

    def results(self, begin: Callable[[], None]) -> Generator[T | Problem, None, None]:
        """Call `begin` (which starts the first tasks) and yield until every task has ended."""
        with ThreadPoolExecutor(self._workers) as self._pool:
            try:
                with self._lock:
                    self._open += 1
                begin()
                self._finish()
                while (item := self._results.get()) is not _DONE:
                    yield item  # type: ignore[misc]
            finally:
                self._stopped.set()

    def _run(self, owner: str, task: Callable[[], None]) -> None:
        try:
            with self._lock:
                skip = owner in self._given_up
            if not skip and not self._stopped.is_set():
                task()
        except Exception as error:
            self._hand_over(Problem(owner, error))
        finally:
            self._finish()

    def _finish(self) -> None:
        with self._lock:
            self._open -= 1
            ended = self._open == 0
        if ended:
            self._hand_over(_DONE)


class _Tuning:
    """Settings of the interpreter while several threads read; sources are read side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._before = (gc.get_threshold(), sys.getswitchinterval())

    def begin(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers == 1:
                self._before = (gc.get_threshold(), sys.getswitchinterval())
                gc.set_threshold(*_RARELY)
                gc.freeze()
                sys.setswitchinterval(_TURN_SECONDS)

    def end(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                gc.unfreeze()
                gc.set_threshold(*self._before[0])
                sys.setswitchinterval(self._before[1])


_TUNING = _Tuning()


@contextmanager
def many_threads() -> Iterator[None]:
    """Let the interpreter suit threads that read pages; as before once the last reader has ended.

    Cycles are collected rarely, and not among what stood before: pages are trees without any, and
    to walk over all modules stops every thread for a fifth of a second.
    Turns are short: a request gives the interpreter up a dozen times, and each time would wait
    five milliseconds for a thread that builds rows.
    """
    _TUNING.begin()
    try:
        yield
    finally:
        _TUNING.end()


def ahead(items: Iterator[T], *, waiting: int = 3) -> Generator[T, None, None]:
    """Yield the items while a thread fetches the next ones; its error comes after them.

    Closing it waits until the thread has ended.
    """
    crew: Crew[T] = Crew(1, waiting=waiting)

    def fetch() -> None:
        for item in items:
            crew.emit(item)

    with contextlib.closing(crew.results(partial(crew.start, "", fetch))) as fetched:
        for item in fetched:
            if isinstance(item, Problem):
                raise item.error
            yield item
