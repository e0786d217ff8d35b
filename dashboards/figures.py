"""Figures for texts outside the site, such as the weekly digest: each is a claim of the site.

A text asks for a claim by id; the query is executed on one snapshot of the reporting models
and remembered, so that the text can say where each of its numbers comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from dashboards.claims import declare
from dashboards.editions import Result, execute
from dashboards.evidence import read_evidence
from dashboards.format import number_of, table
from dashboards.names import read_names
from dashboards.snapshot import Snapshot
from orchestration.closing import Closing
from orchestration.errors import PermanentFailure
from orchestration.warehouse.base import Warehouse

Form = Literal["number", "signed", "percent", "score", "hours", "words"]
UNKNOWN = "–"


@dataclass(frozen=True)
class Figure:
    """One number of a text: the claim it was taken from, its value, and how it is written."""

    claim_id: str
    value: Decimal | str | None
    form: Form = "number"

    @property
    def said(self) -> str:
        """The value as a reader sees it; a dash where none is known."""
        if self.value is None:
            return UNKNOWN
        if isinstance(self.value, str):
            return self.value
        if self.form == "signed":
            return signed(self.value)
        if self.form == "percent":
            return f"{plain(round(self.value, 1))} %"
        if self.form == "score":
            return f"{self.value:.3f}"
        return f"{plain(self.value)} h" if self.form == "hours" else plain(self.value)

    @property
    def number(self) -> Decimal:
        """The value for comparing; zero where none is known."""
        return self.value if isinstance(self.value, Decimal) else Decimal(0)


Part = str | Figure
"""A sentence is a row of words and figures."""


class Figures(Closing):
    """Executes claims on demand; `taken` holds what was asked for, by claim id."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.book = read_evidence(warehouse)
        self.snapshot = Snapshot(warehouse)
        self.names = read_names(self.snapshot, self.book)
        self._declared = {claim.claim_id: claim for claim in declare(self.names)}
        self.taken: dict[str, Result] = {}

    def close(self) -> None:
        self.snapshot.close()

    def has(self, claim_id: str) -> bool:
        """Say whether the claim is declared for what the warehouse holds."""
        return claim_id in self._declared

    def result(self, claim_id: str) -> Result:
        """Execute a claim once; KeyError for one that is not declared."""
        if claim_id not in self.taken:
            (self.taken[claim_id],) = execute(self.snapshot, [self._declared[claim_id]], self.book)
        return self.taken[claim_id]

    def one(self, claim_id: str, form: Form = "number") -> Figure:
        """Return the figure of a claim that yields one number, day or word."""
        result = self.result(claim_id)
        number = number_of(result.value)
        return Figure(claim_id, result.value_text if number is None else number, form)

    def words(self, claim_id: str, text: object) -> Part:
        """Return a text of the data: as a claim when a digit in it belongs to no name."""
        return self.one(claim_id, "words") if self.has(claim_id) else str(text or "")

    def rows(self, claim_id: str) -> dict[str, tuple[Decimal | None, ...]]:
        """Return the rows of a claim that holds a table, by key; PermanentFailure if it broke."""
        result = self.result(claim_id)
        if result.error:
            raise PermanentFailure(
                f"The figures of {claim_id} could not be read: {result.error}",
                tried="execute the query of the claim",
                todo="Build the models again with `paygo run`.",
            )
        return table(result.value_text)

    def rows_of(self, model: str, order: str) -> list[dict[str, Any]]:
        """Return the words of a reporting model as the same snapshot has them."""
        return self.snapshot.table(model, order)


def plain(value: Decimal) -> str:
    """`1529.000` → `1,529`: all decimals that say something, none that do not."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: Decimal) -> str:
    """Return a change with its sign."""
    if not value:
        return "0"
    text = f"{value:+f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
