"""`make bench`: times and memory, each as a ratio against a limit, a peer or a floor.

Writes `.paygo/bench.json` (a list of rows, see `Row`) and prints the table. Absolute seconds
depend on the machine; the ratio is what to compare. Nothing here is asserted by a test.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import (
    alert_year,
    anomaly,
    api_path,
    demo_path,
    drift_path,
    graph_path,
    page_path,
    postgres_path,
    stolen,
    ticket_path,
)


@dataclass(frozen=True)
class Row:
    """One figure: `ratio` = value / against, and whether it stays within `limit`."""

    name: str
    value: float
    unit: str
    against: str
    ratio: float
    limit: float
    better: str

    @property
    def holds(self) -> bool:
        return self.ratio <= self.limit if self.better == "lower" else self.ratio >= self.limit


PARTS: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "demo": lambda asked: demo_path.measure(asked.accounts),
    "postgres": lambda asked: postgres_path.measure(asked.rows),
    "drift": lambda asked: drift_path.measure(
        asked.drift_accounts, builds_all=not asked.drift_only_detectors
    ),
    "graph": lambda _: graph_path.measure(100_000, 300_000),
    "page": lambda asked: page_path.measure(asked.out.parent),
    "anomaly": lambda _: anomaly.measure(),
    "apis": lambda asked: api_path.measure(asked.objects, asked.issues),
    "alerts": lambda _: alert_year.measure(),
    "tickets": lambda asked: ticket_path.measure(asked.tickets),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=4_000_000, help="rows of the PostgreSQL table")
    parser.add_argument("--only", choices=list(PARTS), default=None)
    parser.add_argument("--tickets", type=int, default=100_000, help="tickets to classify")
    parser.add_argument("--objects", type=int, default=80_000, help="of each Stripe list")
    parser.add_argument("--issues", type=int, default=100_000, help="Jira issues")
    parser.add_argument("--out", type=Path, default=Path(".paygo/bench.json"))
    parser.add_argument(
        "--drift-accounts", type=int, default=400_000, help="accounts of the drift world"
    )
    parser.add_argument(
        "--drift-only-detectors", action="store_true", help="leave out the build of everything"
    )
    arguments = parser.parse_args()
    chosen = [arguments.only] if arguments.only else list(PARTS)
    rows: list[Row] = []
    disturbed: dict[str, float] = {}
    for name in chosen:
        before = stolen.ticks()
        rows += [Row(**row) for row in PARTS[name](arguments)]
        disturbed[name] = stolen.share(before, stolen.ticks())
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    document = [{**asdict(row), "holds": row.holds} for row in rows]
    arguments.out.write_text(json.dumps(document, indent=2) + "\n")
    _print(rows)
    for name, share in disturbed.items():
        if share > stolen.BEARABLE:
            print(f"{name}: the host gave {share:.0%} of the processor to others; run it again")
    return 0 if all(row.holds for row in rows) else 1


def _print(rows: list[Row]) -> None:
    table = Table("figure", "value", "unit", "against", "ratio", "limit", "holds")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.value:,.2f}",
            row.unit,
            row.against,
            f"{row.ratio:.3f}",
            f"{'≤' if row.better == 'lower' else '≥'} {row.limit:g}",
            "yes" if row.holds else "NO",
        )
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
