"""How much of the processor other machines on the same host took (Linux; 0 elsewhere)."""

from __future__ import annotations

from pathlib import Path

_STAT = Path("/proc/stat")

# Two runs of one code on a quiet host differ by about as much.
BEARABLE = 0.05


def ticks() -> tuple[int, int]:
    """Return what was taken since the machine started, and what it used itself, in ticks."""
    if not _STAT.exists():
        return 0, 0
    first, *_ = _STAT.read_text().splitlines()
    user, nice, system, _idle, _waiting, irq, softirq, stolen, *_ = map(int, first.split()[1:])
    return stolen, user + nice + system + irq + softirq


def share(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return the part (0 to 1) of the time that was wanted between two `ticks` and not given."""
    stolen, used = after[0] - before[0], after[1] - before[1]
    return stolen / (stolen + used) if stolen + used else 0.0
