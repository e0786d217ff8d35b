"""Components, services and prices of the simulated platform. No accounts here.

Services and handlers are read from the dbt seeds, so that the world and the
models name the same things.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from .ids import Ids
from .store import Row, Store
from .times import at, iso

SEEDS = Path(__file__).parents[3] / "dbt_project" / "seeds"
CURRENCIES = ("usd", "eur", "gbp")
PERIODS = ("month", "year")
LEVELS = ("free", "pro", "biz", "ent")
RANK = {level: rank for rank, level in enumerate(LEVELS)}
_SUM_COMPONENTS = 15
_PLAN_MONTHLY = {"pro": 2500, "biz": 25000, "ent": 60000}
WITHOUT_PRICE = ("static_addresses", "gbp")
"""The one pair whose catalogue rows are inactive: no price to expect."""


@dataclass(frozen=True, slots=True)
class Price:
    """One catalogue row; `unit_amount` is decimal text in minor units."""

    price_id: str
    product_id: str
    unit_amount: str
    is_active: bool

    @property
    def whole(self) -> int | None:
        """Unit amount when it is whole minor units, else None (as Stripe serves it)."""
        return int(self.unit_amount) if self.unit_amount.isdigit() else None


def read_seed(name: str) -> list[dict[str, str]]:
    """Rows of one dbt seed file."""
    with (SEEDS / f"{name}.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


class Catalogue:
    """Kinds of components, services they give, and what they cost."""

    def __init__(self, store: Store, ids: Ids) -> None:
        self.services: dict[str, list[str]] = {}
        self.component_of: dict[str, str] = {}
        for row in read_seed("component_services"):
            self.services.setdefault(row["component"], []).append(row["service"])
            self.component_of[row["service"]] = row["component"]
        names = [c for c in self.services if c != "zone_plan"]
        self.sums, self.usages = names[:_SUM_COMPONENTS], names[_SUM_COMPONENTS:]
        self.kinds = {"zone_plan": "enum"}
        self.kinds.update(dict.fromkeys(self.sums, "sum"))
        self.kinds.update(dict.fromkeys(self.usages, "usage"))
        self._prices: dict[tuple[str, str, str, str], Price] = {}
        for component in self.services:
            self._add_component(store, ids, component)

    def _add_component(self, store: Store, ids: Ids, component: str) -> None:
        product = ids.new("prod")
        for value, amount in self._amounts(component).items():
            for period in PERIODS:
                for currency in CURRENCIES:
                    self._add(store, ids, (component, value, period, currency), amount, product)

    def _amounts(self, component: str) -> dict[str, str]:
        kind = self.kinds[component]
        if kind == "enum":
            return {level: str(amount) for level, amount in _PLAN_MONTHLY.items()}
        if kind == "sum":
            return {"unit": str(500 + 100 * self.sums.index(component))}
        return {"metered": f"0.{5 + 3 * self.usages.index(component):03d}"}

    def _add(
        self, store: Store, ids: Ids, key: tuple[str, str, str, str], amount: str, product: str
    ) -> None:
        component, value, period, currency = key
        if period == "year" and value != "metered":
            amount = str(int(amount) * 10)
        active = (component, currency) != WITHOUT_PRICE
        price = Price(ids.new("price"), product, amount, active)
        self._prices[key] = price
        row: Row = {
            "catalog_price_id": ids.new("cat"),
            "component": component,
            "value": value,
            "period": period,
            "currency": currency,
            "stripe_price_id": price.price_id,
            "unit_amount": amount,
            "is_active": active,
            "updated_at": iso(at("2025-06-02T09:00")),
        }
        store.put("engine.catalog_prices", row)

    def price_key(self, component: str, value: str) -> str:
        """Catalogue value that prices an OPE's value: the level, `unit` or `metered`."""
        kind = self.kinds[component]
        return value if kind == "enum" else "unit" if kind == "sum" else "metered"

    def price(self, component: str, value: str, period: str, currency: str) -> Price:
        """Catalogue row, active or not; KeyError when there is none."""
        return self._prices[component, self.price_key(component, value), period, currency]
