"""The whole demo at full size: time and memory against their budgets, a second run against the
first. The processes measured are the ones a user starts (`paygo demo`), simulators included."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

WARM_SECONDS = 120.0
RESIDENT_MEGABYTES = 2048.0


def measure(accounts: int) -> list[dict[str, Any]]:
    """Run the demo twice in an empty home; seconds of each, peak resident MB of the tree."""
    with tempfile.TemporaryDirectory(prefix="paygo-bench-") as home:
        first, peak = _run(accounts, Path(home))
        second, _ = _run(accounts, Path(home))
    return [
        {
            "name": f"demo at {accounts} accounts, environment installed, empty home",
            "value": first,
            "unit": "s",
            "against": f"budget of {WARM_SECONDS:.0f} s",
            "ratio": first / WARM_SECONDS,
            "limit": 1.0,
            "better": "lower",
        },
        {
            "name": "peak resident memory of the demo, all processes added",
            "value": peak,
            "unit": "MB",
            "against": f"budget of {RESIDENT_MEGABYTES:.0f} MB",
            "ratio": peak / RESIDENT_MEGABYTES,
            "limit": 1.0,
            "better": "lower",
        },
        {
            "name": "demo run again, sources unchanged",
            "value": second,
            "unit": "s",
            "against": "the first run",
            "ratio": second / first,
            "limit": 0.6,
            "better": "lower",
        },
    ]


def _run(accounts: int, home: Path) -> tuple[float, float]:
    command = [str(Path(sys.executable).parent / "paygo"), "demo", "--accounts", str(accounts)]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, "PAYGO_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    peak = _PeakMemory(process.pid)
    _, stderr = process.communicate()
    seconds = time.perf_counter() - started
    megabytes = peak.stop()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} exited {process.returncode}: {stderr.decode()}")
    return seconds, megabytes


class _PeakMemory:
    """Samples the proportional resident memory of a process and its children, 5 times a second.

    Proportional (PSS): PostgreSQL's processes share their buffers, and adding plain resident
    sizes would count the same pages once a process.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._done.wait(0.2):
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                return
            total = 0
            for member in family:
                try:
                    total += member.memory_full_info().pss
                except psutil.Error:
                    continue
            self._peak = max(self._peak, total)

    def stop(self) -> float:
        """Return the peak in MB (2**20 bytes)."""
        self._done.set()
        self._thread.join()
        return self._peak / 2**20
