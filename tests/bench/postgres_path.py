"""PostgreSQL into the warehouse: full load, delta, sweep, beside the floor and the peers.

Every contender is a process of its own on the same table of the same server. Floor: binary
COPY with the bytes thrown away. Peers: bare ADBC into DuckDB, and dlt with two backends when
`make bench-peers` has installed it (`.venv-bench`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import postgres_table

PEERS = Path(".venv-bench/bin/python")
_HERE = Path(__file__).parent


def measure(rows: int, repeats: int = 2) -> list[dict[str, Any]]:
    """Seconds of the best of `repeats` rounds, in which the peers take part like ours."""
    best: dict[str, dict[str, float]] = {}
    with postgres_table.filled(rows) as (server, dsn):
        for _ in range(repeats):
            for name in ("floor", "bare", "full"):
                _keep(best, name, _contender(name, dsn, rows))
            # A machine's pace changes within minutes, so every round holds them all.
            for backend in ("connectorx", "pyarrow") if PEERS.exists() else ():
                try:
                    _keep(best, backend, _peer(backend, server.tcp_dsn("subscriptions")))
                except RuntimeError as error:
                    print(f"dlt with {backend} was left out: {error}", file=sys.stderr)
        # Last: it changes the table.
        os.environ["PAYGO_BENCH_ADMIN"] = server.admin_dsn("subscriptions")
        for _ in range(repeats):
            _keep(best, "delta", _contender("delta", dsn, rows))
    return _rows(rows, best)


def _keep(best: dict[str, dict[str, float]], name: str, found: dict[str, float]) -> None:
    if name not in best or found["seconds"] < best[name]["seconds"]:
        best[name] = found


def _contender(name: str, dsn: str, rows: int) -> dict[str, float]:
    return _run([sys.executable, "-m", "tests.bench.postgres_contender", name, dsn, str(rows)])


def _peer(backend: str, dsn: str) -> dict[str, float]:
    return _run([str(PEERS), str(_HERE / "dlt_peer.py"), backend, dsn])


def _run(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"it failed: {done.stderr[-1500:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _row(
    name: str, value: float, against: str, base: float, limit: float, better: str = "lower",
    unit: str = "s",
) -> dict[str, Any]:  # fmt: skip
    ratio = value / base if base else 0.0
    return {
        "name": name, "value": value, "unit": unit, "against": against, "ratio": ratio,
        "limit": limit, "better": better,
    }  # fmt: skip


def _rows(rows: int, best: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    seconds = {name: found["seconds"] for name, found in best.items()}
    full, bare, floor = seconds["full"], seconds["bare"], seconds["floor"]
    size = f"{rows:,} rows × 12 columns"
    found = [
        _row(f"PostgreSQL → warehouse, {size}", full, f"bare ADBC → DuckDB ({bare:.2f} s)", bare,
             1.3),
        _row(f"PostgreSQL → warehouse, {size}", full, f"COPY thrown away ({floor:.2f} s)", floor,
             4.0),
        _row("resident memory of that load", best["full"]["megabytes"], "budget of 700 MB", 700,
             1.0, unit="MB"),
    ]  # fmt: skip
    for backend, limit in (("connectorx", 1.7), ("pyarrow", 10.0)):
        if backend in seconds:
            name = f"dlt with {backend}, same table"
            found.append(
                _row(name, seconds[backend], f"our load ({full:.2f} s)", full, limit, "higher")
            )
    delta = best["delta"]
    found += [
        _row("1 % changed rows: read, compare, land", delta["seconds"], "the full load", full,
             0.05),
        _row("key sweep and reconciliation of that run", delta["sweep"], "the full load", full,
             0.4),
    ]  # fmt: skip
    return found
