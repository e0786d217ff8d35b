"""A failed stream fails its step and materialises nothing; the others materialise."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.defs.raw import replay_assets, source_assets
from orchestration.defs.runtime import RUNTIME, Runtime
from orchestration.errors import PermanentFailure
from orchestration.extraction import StreamOutcome
from orchestration.pipeline import run_name
from orchestration.settings import Settings
from orchestration.sources.contract import CONTRACT

FIRST = datetime(2026, 3, 22, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)


class Sources:
    """Stands in for extraction: every stream gives one row, but those that are broken."""

    def __init__(self, broken: Collection[str], since: datetime = FIRST) -> None:
        self.broken = set(broken)
        self.since = since
        self.calls: list[tuple[str, datetime, tuple[str, ...]]] = []

    def extract(self, source: str, *, as_of: datetime, **more: Any) -> list[StreamOutcome]:
        streams = tuple(more["streams"])
        self.calls.append((source, as_of, streams))
        return [self._outcome(s, as_of) for s in streams]

    def _outcome(self, stream: str, as_of: datetime) -> StreamOutcome:
        if stream in self.broken and as_of >= self.since:
            return StreamOutcome(stream, "failed", error=PermanentFailure("the key was revoked."))
        return StreamOutcome(stream, "ok", rows_appended=1, mode="delta")


class Untouched:
    """Stands in for a warehouse that nothing is landed in."""

    def fork(self) -> Untouched:
        return self

    def close(self) -> None: ...


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    made = Sources({"core.zones"})
    monkeypatch.setattr("orchestration.extraction.extract_source", made.extract)
    return made


def runtime_of(tmp_path: Path, *as_ofs: datetime) -> Runtime:
    settings = Settings.model_validate({"home": tmp_path, "now": "2026-03-24T06:00:00Z"})
    made = Runtime(settings, run_name(as_ofs[-1]), as_ofs)
    made.open_warehouse = Untouched()  # type: ignore[assignment]
    return made


def materialise(
    assets: dg.AssetsDefinition, runtime: Runtime, selection: list[dg.AssetKey] | None = None
) -> tuple[bool, dict[str, dict[str, Any]], str]:
    result = dg.materialize(
        [assets],
        resources={RUNTIME: runtime},
        raise_on_error=False,
        instance=dg.DagsterInstance.ephemeral(),
        selection=selection,
    )
    made = {
        "/".join(m.asset_key.path): {k: v.value for k, v in m.materialization.metadata.items()}
        for m in (e.step_materialization_data for e in result.get_asset_materialization_events())
        for m in [_With(m)]
    }
    text = " ".join(str(e.step_failure_data.error) for e in result.get_step_failure_events())
    return result.success, made, text


class _With:
    """A materialisation with its key."""

    def __init__(self, data: Any) -> None:
        self.materialization = data.materialization
        self.asset_key = data.materialization.asset_key


def test_a_failed_stream_leaves_the_others_be(tmp_path: Path, sources: Sources) -> None:
    success, made, message = materialise(source_assets("core"), runtime_of(tmp_path, FIRST))
    assert not success
    assert set(made) == {"raw/core/accounts", "raw/core/entitlements"}
    assert "core.zones: the key was revoked." in message


def test_a_materialisation_says_rows_and_as_of(tmp_path: Path, sources: Sources) -> None:
    sources.broken.clear()
    success, made, _ = materialise(source_assets("core"), runtime_of(tmp_path, FIRST))
    assert success
    assert made["raw/core/zones"]["rows"] == 1
    assert made["raw/core/zones"]["as_of"] == "2026-03-22T00:00:00Z"


def test_a_subset_extracts_only_what_was_asked(tmp_path: Path, sources: Sources) -> None:
    key = dg.AssetKey(["raw", "core", "accounts"])
    success, made, _ = materialise(source_assets("core"), runtime_of(tmp_path, FIRST), [key])
    assert success
    assert set(made) == {"raw/core/accounts"}
    assert sources.calls == [("core", FIRST, ("core.accounts",))]


def test_a_replay_moves_the_platform_before_it_reads(tmp_path: Path, sources: Sources) -> None:
    sources.since = SECOND
    runtime = runtime_of(tmp_path, FIRST, SECOND)
    moved: list[tuple[datetime, int]] = []
    runtime.advance = lambda at: moved.append((at, len(sources.calls)))
    success, made, _ = materialise(replay_assets(), runtime)
    assert success  # what a failure means for the replay is the report's business
    assert moved == [(FIRST, 0), (SECOND, 7)]
    assert "raw/core/zones" not in made
    assert made["raw/core/accounts"] == {"rows": 2, "loads": 2, "as_of": "2026-03-23T00:00:00Z"}
    assert len(runtime.attempts) == 2 * len(CONTRACT)
