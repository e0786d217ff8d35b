"""The metric catalogue as the checks read it. The seed file is its only source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from orchestration.errors import PermanentFailure
from orchestration.workspace import CATALOGUE_CSV


@dataclass(frozen=True)
class Metric:
    """One row of the catalogue; `window_hours` is None when the file leaves it empty."""

    metric_id: str
    title: str
    unit: str
    owner: str
    streams: tuple[str, ...]
    window_hours: float | None
    value_kind: str = "flow_day"


def load_catalogue(path: Path = CATALOGUE_CSV) -> tuple[Metric, ...]:
    """Read every metric; PermanentFailure names file, row and field of what cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except OSError as error:
        raise PermanentFailure(
            f"cannot read the metric catalogue {path}: {error.strerror}.",
            todo="restore the file from the repository.",
        ) from error
    return tuple(_metric(path, number, row) for number, row in enumerate(rows, start=2))


def _metric(path: Path, number: int, row: dict[str, str]) -> Metric:
    text = row.get("freshness_window_hours") or ""
    try:
        window = float(text) if text.strip() else None
    except ValueError as error:
        raise PermanentFailure(
            f"{path}, row {number}, field freshness_window_hours: {text!r} is no number.",
            todo="write the window in hours, for example 26.",
        ) from error
    return Metric(
        metric_id=row["metric_id"],
        title=row["title"],
        unit=row["unit"],
        owner=row["owner"],
        streams=tuple(s.strip() for s in row["streams"].split(";") if s.strip()),
        window_hours=window,
        value_kind=row.get("value_kind") or "flow_day",
    )
