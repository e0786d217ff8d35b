"""Identifiers: a counter a prefix, scrambled by an odd multiplier (a bijection: no collisions)."""

from __future__ import annotations

_ODD_64 = 0x9E3779B97F4A7C15
_ODD_32 = 0x9E3779B1
_SHORT = ("acc",)


class Ids:
    """Deterministic ids of one world: the same seed and calls give the same ids."""

    def __init__(self, seed: int) -> None:
        self._mix = (seed * 0xD6E8FEB86659FD93 + 0x5851F42D4C957F2D) & 0xFFFFFFFFFFFFFFFF
        self._counters: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        """Return the next id of `prefix`: `in_5f3c…` (16 hex digits; accounts have 8)."""
        count = self._counters.get(prefix, 0) + 1
        self._counters[prefix] = count
        if prefix in _SHORT:
            return f"{prefix}_{(count * _ODD_32 + self._mix) & 0xFFFFFFFF:08x}"
        return f"{prefix}_1{(count * _ODD_64 + self._mix) & 0xFFFFFFFFFFFFFFFF:016x}"
