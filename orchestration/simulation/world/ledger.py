"""The ledger of planted faults, and the spells that the end of each day shows.

`Ledger.plant` is called by whoever breaks something; `Ledger.observe` by the
evaluation at the end of each day. The truth joins the two: an observed spell
takes its `began` from the planted fault. What was observed and never planted is
an accident of the world and is reported by `accidents`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .times import DAY, LAST_DAY_END, START, iso, iso_or_none

Finding = tuple[str, str, str | None]
"""(entity, kind, reason of exclusion or None)."""


@dataclass(slots=True)
class Planted:
    """A fault from the moment it was made to the moment it was undone."""

    detector: str
    entity_id: str
    kind: str
    began: int
    ended: int | None = None


@dataclass(slots=True)
class Spell:
    """Consecutive ends of days that show one fault of one entity."""

    detector: str
    entity_id: str
    kind: str
    days: list[tuple[int, str | None]] = field(default_factory=list)


class Ledger:
    """What was planted, and what each day's end showed."""

    def __init__(self) -> None:
        self.planted: list[Planted] = []
        self.spells: list[Spell] = []
        self.noted: list[Planted] = []
        """Single faults that no daily evaluation looks at: listed as they were made."""
        self._running: dict[tuple[str, str, str], Spell] = {}

    def plant(self, detector: str, entity: str, kind: str, began: int) -> Planted:
        """Record a fault made at `began`."""
        fault = Planted(detector, entity, kind, began)
        self.planted.append(fault)
        return fault

    def note(self, detector: str, entity: str, kind: str, began: int, ended: int | None) -> Planted:
        """Record a fault that shows by itself from the end of its day on."""
        fault = Planted(detector, entity, kind, began, ended)
        self.noted.append(fault)
        return fault

    def observe(self, detector: str, day_end: int, findings: list[Finding]) -> None:
        """Record everything the detector shows at the end of a day."""
        for entity, kind, reason in findings:
            key = (detector, entity, kind)
            spell = self._running.get(key)
            if spell is None or spell.days[-1][0] != day_end - DAY:
                spell = Spell(detector, entity, kind)
                self._running[key] = spell
                self.spells.append(spell)
            spell.days.append((day_end, reason))

    def _index(self) -> dict[tuple[str, str, str], list[Planted]]:
        index: dict[tuple[str, str, str], list[Planted]] = {}
        for fault in self.planted:
            index.setdefault((fault.detector, fault.entity_id, fault.kind), []).append(fault)
        return index

    def accidents(self) -> list[Spell]:
        """Spells that no planted fault explains."""
        index = self._index()
        return [s for s in self.spells if self._cause(index, s) is None]

    def unseen(self) -> list[Planted]:
        """Planted faults that should have shown at the end of a day and did not."""
        seen = {
            (s.detector, s.entity_id, s.kind, day): None for s in self.spells for day, _ in s.days
        }
        missing = []
        for fault in self.planted:
            end = LAST_DAY_END + 1 if fault.ended is None else fault.ended
            first = (fault.began // DAY + 1) * DAY
            expected = range(max(first, START + DAY), min(end, LAST_DAY_END + 1), DAY)
            key = (fault.detector, fault.entity_id, fault.kind)
            if any((*key, day) not in seen for day in expected):
                missing.append(fault)
        return missing

    @staticmethod
    def _cause(index: dict[tuple[str, str, str], list[Planted]], spell: Spell) -> Planted | None:
        first, last = spell.days[0][0], spell.days[-1][0]
        for fault in index.get((spell.detector, spell.entity_id, spell.kind), []):
            lasts = fault.ended is None or fault.ended >= last
            if fault.began < first and lasts:
                return fault
        return None

    def discrepancies(self) -> list[dict[str, Any]]:
        """Open spells, in order of detection, as the truth lists them."""
        index = self._index()
        found = []
        for spell in self.spells:
            shown = [day for day, reason in spell.days if reason is None]
            if not shown:
                continue
            cause = self._cause(index, spell)
            last = spell.days[-1][0]
            found.append(
                {
                    "detector": spell.detector,
                    "entity_id": spell.entity_id,
                    "kind": spell.kind,
                    "began": iso(cause.began if cause else spell.days[0][0] - DAY),
                    "detectable_from": iso(shown[0]),
                    "ended": iso_or_none(last + DAY if last < LAST_DAY_END else None),
                }
            )
        return found

    def single_faults(self) -> list[dict[str, Any]]:
        """The noted faults in the truth's form; one over before a day ended shows nowhere."""
        found = []
        for fault in self.noted:
            shown = (fault.began // DAY + 1) * DAY
            over = None if fault.ended is None else -(-fault.ended // DAY) * DAY
            visible = shown <= LAST_DAY_END and (over is None or over > shown)
            found.append(
                {
                    "detector": fault.detector,
                    "entity_id": fault.entity_id,
                    "kind": fault.kind,
                    "began": iso(fault.began),
                    "detectable_from": iso(shown) if visible else None,
                    "ended": None if over is None or over > LAST_DAY_END else iso(over),
                }
            )
        return found

    def exclusions(self) -> list[dict[str, Any]]:
        """Intervals in which a would-be discrepancy is excluded; ends of days."""
        found: list[dict[str, Any]] = []
        for spell in self.spells:
            current: dict[str, Any] | None = None
            for day, reason in spell.days:
                if current is not None and current["reason"] != reason:
                    current["to"] = iso(day)
                    current = None
                if reason is not None and current is None:
                    current = {
                        "detector": spell.detector,
                        "entity_id": spell.entity_id,
                        "would_be_kind": spell.kind,
                        "reason": reason,
                        "from": iso(day),
                        "to": None,
                    }
                    found.append(current)
            last = spell.days[-1][0]
            if current is not None and last < LAST_DAY_END:
                current["to"] = iso(last + DAY)
        return found
