"""What the schedules share: a warehouse that is emptied and reopened, crashes, comparisons."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from orchestration.clock import iso
from orchestration.extraction import extract_source
from orchestration.settings import Settings
from orchestration.sources.contract import table
from orchestration.warehouse.duckdb import DuckDbWarehouse

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(minutes=4)

# Schedules and steps: 500 in `make test`, 20,000 longer ones in `make test-full`. These come in
# parts, so that a run that is stopped says how many it has seen.
_SHORT = {"postgres": (400, 5), "apis": (100, 5)}
PARTS = 20
_FULL = {"postgres": (12_500 // PARTS, 12), "apis": (7_500 // PARTS, 12)}


def schedules(kind: str) -> pytest.MarkDecorator:
    """Parametrize a test by `part`, `examples` and `steps`."""
    full = [pytest.param(n, *_FULL[kind], marks=pytest.mark.full) for n in range(1, PARTS + 1)]
    return pytest.mark.parametrize(("part", "examples", "steps"), [(0, *_SHORT[kind]), *full])


def run_schedules(
    machine: type[RuleBasedStateMachine], part: int, examples: int, steps: int
) -> None:
    """Run the schedules of a part, which are the same for everybody."""
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(part)(machine), settings=settings)


class Crash(BaseException):
    """The process ends here: no handler of the program sees it."""


class Bench:
    """One warehouse for many schedules; `clock` is the sources' time."""

    def __init__(self, home: Path, streams: Iterable[str], settings: dict[str, Any]) -> None:
        self.streams = sorted(streams)
        self.settings = Settings(home=home, hash_key="test", **settings)  # type: ignore[arg-type]
        self.clock = START
        self._open()

    def _open(self) -> None:
        self.warehouse = DuckDbWarehouse.open(self.settings, "write")
        # A handful of rows: handing parts of a statement to another thread is a third of its cost.
        self.warehouse.execute("set threads = 1")

    def reset(self) -> None:
        """Empty everything; the clock starts again."""
        used = [f"raw.{table(s).raw_name}" for s in self.streams]
        ops = ("load_ledger", "stream_cursors", "stream_runs", "quarantine", "reconciliation")
        with self.warehouse.transaction():
            for name in (*used, *(f"ops.{o}" for o in ops)):
                self.warehouse.execute(f"delete from {name}")
        self.warehouse.forget_cursors()
        shutil.rmtree(self.settings.backfill_path, ignore_errors=True)
        self.clock = START

    def tick(self) -> datetime:
        """Let time pass; return the new moment."""
        self.clock += STEP
        return self.clock

    def extract(self, source: str, **changes: Any) -> None:
        """Run one extraction now; every stream must come out well."""
        settings = self.settings.model_copy(update={"now": iso(self.clock), **changes})
        streams = [s for s in self.streams if s.startswith(source + ".")]
        outcomes = extract_source(
            source,
            settings=settings,
            warehouse=self.warehouse,
            as_of=self.clock,
            run_id=iso(self.clock),
            streams=streams,
        )
        for outcome in outcomes:
            assert outcome.status == "ok", outcome

    def crash(self, source: str, statement: int) -> None:
        """Run an extraction that ends before its n-th statement; then open the file again."""
        count, run = itertools.count(1), DuckDbWarehouse._run

        def ends(self: DuckDbWarehouse, text: str, params: Any) -> Any:
            if next(count) >= statement:
                raise Crash
            return run(self, text, params)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DuckDbWarehouse, "_run", ends)
            with contextlib.suppress(Crash):
                self.extract(source)
        self.warehouse._connection.close()
        self._open()

    def live(self, stream: str, columns: str) -> list[tuple[Any, ...]]:
        """The committed rows that are live, and the invariants of every history."""
        contract = table(stream)
        raw, key = f"raw.{contract.raw_name}", contract.primary_key
        wrong = self.warehouse.execute(
            f"select {key}, _as_of::varchar, 'twice' from {raw} group by all having count(*) > 1 "
            f"union all select {key}, _load_id, 'in no load' from {raw} "
            "where _load_id not in (select load_id from ops.load_ledger)"
        )
        assert wrong == [], f"{stream}: one version a key and moment, each of a load in the ledger"
        return self.warehouse.execute(
            f"select {columns} from (select *, row_number() over "
            f"(partition by {key} order by _as_of desc) as n from {raw}) "
            "where n = 1 and not _is_deleted order by all"
        )

    def close(self) -> None:
        self.warehouse.close()
