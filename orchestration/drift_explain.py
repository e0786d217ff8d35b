"""Explains one discrepancy: both sides' rows beside each other at a day's end, and the rule.

Belongs here: for each detector, which rows of the two sides its verdict held against each other.
Does not: the verdict itself, which stands in the models; nothing is judged again here.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestration.drift_marks import find
from orchestration.errors import PermanentFailure
from orchestration.reading import moment

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

LIFE_SQL = """
select
    latest.*,
    kinds.title, kinds.description as rule, kinds.harm
from reporting.rpt_drift_current as latest
inner join seeds.drift_kinds as kinds
    on kinds.detector = latest.detector and kinds.kind = latest.kind
where latest.discrepancy_id = ?
"""

EXCLUSION_SQL = """
select exclusions.reason, reasons.rule
from reporting.rpt_drift_exclusions as exclusions
left join seeds.drift_exclusion_reasons as reasons on reasons.reason = exclusions.reason
where exclusions.detector = ? and exclusions.entity_id = ? and exclusions.observation_date = ?
"""


def _standing(alias: str) -> str:
    """The condition that a row of a history stood at the day's end."""
    return (
        f"not {alias}.is_deleted and {alias}.valid_from <= cast(:end as timestamp)\n"
        f"    and coalesce(cast(:end as timestamp) < {alias}.valid_to, true)"
    )


# As the macros `is_bad_debt_flagged` and `ope_catalogue_value` of the models say it.
_IS_FLAGGED = "((accounts.flags & 32768) <> 0)"
_CATALOGUE_VALUE = (
    "case opes.kind when 'sum' then 'unit' when 'usage' then 'metered' else opes.value_now end"
)

# What a column is named decides where it stands: <side>__<field>. Parameters: the day's end, then
# the entity as often as it is asked for.
STRIPE_SQL = f"""
with named as (
    select ope_id, subscription_item_id, subscription_id, line_item_class
    from intermediate.int_drift__stripe_item_states
    where valid_from <= cast(:end as timestamp) and cast(:end as timestamp) < valid_to
        and subscription_item_id = :entity
    union all
    select ope_id, subscription_item_id, subscription_id, cast(null as varchar)
    from intermediate.int_drift__stripe_missing_items
    where valid_from <= cast(:end as timestamp) and cast(:end as timestamp) < valid_to
        and ope_id = :entity
)

select
    opes.ope_id as left__identity, items.subscription_item_id as right__identity,
    opes.license_source_id as left__subscription,
    subscriptions.subscription_id as right__subscription,
    opes.state as left__state, subscriptions.status as right__state,
    opes.component || ' (' || opes.kind || ')' as left__product,
    items.product_id as right__product,
    opes.value_now as left__value_now,
    opes.value_next as left__value_next,
    prices.stripe_price_id as left__price_id, items.price_id as right__price_id,
    prices.unit_amount as left__unit_amount, items.unit_amount as right__unit_amount,
    prices.currency as left__currency, items.currency as right__currency,
    case opes.kind when 'sum' then opes.value_now when 'enum' then '1' end as left__quantity,
    items.quantity as right__quantity,
    named.line_item_class as right__line_item_class,
    items.current_period_end_at as right__period_ends,
    opes.workflow_id as left__workflow,
    opes.updated_at as left__changed_at, items.valid_from as right__changed_at
from named
left join intermediate.int_ope__state_history as opes
    on opes.ope_id = named.ope_id and {_standing("opes")}
left join staging.stg_stripe__subscription_items_history as items
    on items.subscription_item_id = named.subscription_item_id and {_standing("items")}
left join staging.stg_stripe__subscriptions_history as subscriptions
    on subscriptions.subscription_id = named.subscription_id and {_standing("subscriptions")}
left join staging.stg_engine__catalog_prices_history as prices
    on prices.component = opes.component
    and prices.value
        = {_CATALOGUE_VALUE}
    and prices.period = items.recurring_interval and lower(prices.currency) = lower(items.currency)
    and prices.is_active and {_standing("prices")}
"""

ZONE_SQL = f"""
with zones as (
    select history.* from staging.stg_core__zones_history as history
    where history.zone_id = :entity and {_standing("history")}
),

opes as (
    select history.* from intermediate.int_ope__state_history as history
    where history.object_id = :entity and history.object_type = 'zone'
        and history.component = 'zone_plan' and history.state <> 'cancelled'
        and {_standing("history")}
)

select
    zones.zone_id as left__identity, opes.ope_id as right__identity,
    zones.plan_level as left__plan, opes.value_now as right__plan,
    zones.status as left__state, opes.state as right__state,
    opes.value_next as right__next_plan,
    opes.license_source_id as right__license,
    zones.account_id as left__account, opes.account_id as right__account,
    opes.workflow_id as right__workflow,
    zones.updated_at as left__changed_at, opes.updated_at as right__changed_at
from zones full outer join opes on true
"""

TRIPLE_SQL = f"""
select
    accounts.account_id as left__identity, customers.customer_id as right__identity,
    {_IS_FLAGGED} as left__flag_bit_15,
    owners.bad_debt as left__customer_row_bad_debt,
    customers.bad_debt as right__metadata_bad_debt,
    customers.lifting as right__metadata_lifting,
    accounts.account_type as left__account_type, customers.account_type as right__account_type,
    accounts.updated_at as left__changed_at, customers.valid_from as right__changed_at
from staging.stg_engine__accounts_history as accounts
left join staging.stg_engine__customers_history as owners
    on owners.account_id = accounts.account_id and {_standing("owners")}
left join staging.stg_stripe__customers_history as customers
    on customers.customer_id = owners.stripe_customer_id and {_standing("customers")}
where accounts.account_id = :entity and {_standing("accounts")}
"""

DOUBLE_SQL = """
select
    consolidated_invoice_id as left__invoice, original_invoice_id as right__invoice,
    consolidated_payment_id as left__payment, original_payment_id as right__payment,
    consolidated_paid_at as left__paid_at, original_paid_at as right__paid_at,
    amount_charged_twice_minor as right__amount_paid_minor, currency as right__currency
from marts.fct_double_charges
where account_id = :entity and charged_twice_at < cast(:end as timestamp)
order by charged_twice_at, consolidated_invoice_id, original_invoice_id
"""

ENTITLEMENT_SQL = f"""
with wanted as (
    select
        split_part(:entity, ':', 1) as account_id,
        split_part(:entity, ':', 2) as service
),

opes as (
    select history.* from intermediate.int_ope__state_history as history
    inner join wanted on wanted.account_id = history.account_id
    inner join seeds.component_services as services
        on services.component = history.component and services.service = wanted.service
    where history.state <> 'cancelled' and {_standing("history")}
),

entitlements as (
    select history.* from staging.stg_core__entitlements_history as history
    inner join wanted
        on wanted.account_id = history.account_id and wanted.service = history.service
    where {_standing("history")}
)

select
    opes.ope_id as left__identity, entitlements.entitlement_id as right__identity,
    opes.component as left__product, wanted.service as right__product,
    opes.value_now as left__value_now, opes.state as left__state,
    entitlements.state as right__state,
    opes.license_source_id as left__license,
    subscriptions.status as left__subscription_status,
    {_IS_FLAGGED} as left__flag_bit_15,
    opes.updated_at as left__changed_at, entitlements.updated_at as right__changed_at
from wanted
left join opes on true
left join entitlements on true
left join staging.stg_stripe__subscriptions_history as subscriptions
    on subscriptions.subscription_id = opes.subscription_id and {_standing("subscriptions")}
left join staging.stg_engine__accounts_history as accounts
    on accounts.account_id = wanted.account_id and {_standing("accounts")}
order by opes.ope_id
"""

SIDES: dict[str, tuple[str, str, str]] = {
    "stripe": ("engine (OPE and catalogue)", "Stripe item", STRIPE_SQL),
    "zone_plan": ("www zone", "engine OPE", ZONE_SQL),
    "triple_store": ("engine (flag and timestamp)", "Stripe metadata", TRIPLE_SQL),
    "double_charge": ("consolidated invoice", "original invoice", DOUBLE_SQL),
    "entitlement": ("billing (OPE)", "core entitlement", ENTITLEMENT_SQL),
}


def explain(warehouse: Warehouse, name: str, day: date | None) -> dict[str, Any]:
    """Return a discrepancy's life, the rule that fired, and both sides' rows at a day's end.

    `day` defaults to the last day on which it was open. `sides` has one entry a pair of rows that
    were held against each other: a list of field, left, right. Errors: PermanentFailure for an
    unknown discrepancy or a day before it was first seen.
    """
    found = find(warehouse, name)
    life = warehouse.rows(LIFE_SQL, (found["discrepancy_id"],))[0]
    chosen: date = day or life["last_seen"]
    if not life["first_seen"] <= chosen <= life["value_date"]:
        raise PermanentFailure(
            f"{found['discrepancy_id']} has nothing to show on {chosen}.",
            todo=f"choose a day from {life['first_seen']} to {life['value_date']}.",
        )
    left, right, sql = SIDES[life["detector"]]
    end = datetime(chosen.year, chosen.month, chosen.day) + timedelta(days=1)  # noqa: DTZ001
    excluded = warehouse.rows(EXCLUSION_SQL, (life["detector"], life["entity_id"], chosen))
    return {
        "discrepancy": {k: _shown(v) for k, v in life.items() if k not in ("rule", "harm")},
        "date": str(chosen),
        "rule": life["rule"],
        "harm": life["harm"],
        "excluded_that_day": excluded[0] if excluded else None,
        "left": left,
        "right": right,
        "sides": [_pairs(row) for row in _rows(warehouse, sql, end, life["entity_id"])],
    }


def _rows(warehouse: Warehouse, sql: str, end: datetime, entity: str) -> list[dict[str, Any]]:
    parts = sql.replace(":end", "\0e?").replace(":entity", "\0n?").split("\0")
    given = {"e": end, "n": entity}
    values = tuple(given[part[0]] for part in parts[1:])
    return warehouse.rows(parts[0] + "".join(part[1:] for part in parts[1:]), values)


def _pairs(row: dict[str, Any]) -> list[dict[str, Any]]:
    fields = dict.fromkeys(name.split("__", 1)[1] for name in row)
    pairs = []
    for field in fields:
        left, right = row.get(f"left__{field}"), row.get(f"right__{field}")
        if left is None and right is None:
            continue
        pairs.append({"field": field, "left": _shown(left), "right": _shown(right)})
    return pairs


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
