"""One account over all six stores, as a timeline. One query; no rule of any metric."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestration.clock import iso
from orchestration.errors import PermanentFailure

if TYPE_CHECKING:
    from orchestration.warehouse.base import Warehouse

TIMELINE_SQL = """
with wanted as (select cast(? as varchar) as account_id),

customers as (
    select distinct stripe_customer_id as customer_id
    from staging.stg_engine__customers
    where account_id = (select account_id from wanted) and stripe_customer_id is not null
),

happened as (
    select valid_from as happened_at, 'subs_account' as store, 'account' as what,
        'type ' || coalesce(account_type, 'none') || ', flags ' || cast(flags as varchar)
        || case when flags & 32768 <> 0 then ' (bad debt)' else '' end as detail,
    from staging.stg_engine__accounts_history
    where account_id = (select account_id from wanted) and not is_deleted
    union all
    select coalesce(bad_debt, created_at), 'subs_customer',
        case when bad_debt is null then 'Stripe customer linked' else 'bad debt set' end,
        coalesce(stripe_customer_id, 'no Stripe customer'),
    from staging.stg_engine__customers
    where account_id = (select account_id from wanted)
    union all
    select updated_at, 'subs_dunning', 'dunning',
        'retry ' || cast(retry_count as varchar)
        || ', escalation level ' || cast(escalation_level as varchar),
    from staging.stg_engine__dunning_states
    where account_id = (select account_id from wanted)
    union all
    select created_at, 'billing_prod', 'invoice ' || status,
        invoice_id || ', due ' || cast(amount_due_minor as varchar) || ' ' || currency
        || ' (minor units)',
    from staging.stg_billing__invoices
    where account_id = (select account_id from wanted)
    union all
    select created_at, 'billing_prod', 'charge ' || status,
        charge_id || ', ' || cast(amount_minor as varchar) || ' ' || currency || ' (minor units)',
    from staging.stg_billing__charges
    where account_id = (select account_id from wanted)
    union all
    select created_at, 'core_prod', 'account created', 'status ' || status,
    from staging.stg_core__accounts
    where account_id = (select account_id from wanted)
    union all
    select valid_from, 'core_prod', 'zone ' || status, zone_id || ', plan ' || plan_level,
    from staging.stg_core__zones_history
    where account_id = (select account_id from wanted) and not is_deleted
    union all
    select valid_from, 'stripe', 'customer metadata',
        customer_id || ', bad_debt ' || coalesce(bad_debt, 'unset')
        || ', lifting ' || coalesce(lifting, 'unset'),
    from staging.stg_stripe__customers_history
    where customer_id in (select customer_id from customers) and not is_deleted
    union all
    select created_at, 'stripe', 'subscription created', subscription_id || ', now ' || status,
    from staging.stg_stripe__subscriptions
    where customer_id in (select customer_id from customers)
    union all
    select coalesce(paid_at, marked_uncollectible_at, finalized_at, created_at), 'stripe',
        'invoice ' || status,
        invoice_id || ', due ' || cast(amount_due_minor as varchar) || ' ' || currency
        || ' (minor units)',
    from staging.stg_stripe__invoices
    where customer_id in (select customer_id from customers)
)

select happened_at, store, what, detail
from happened
order by happened_at, store, what, detail
"""


def account_timeline(warehouse: Warehouse, account_id: str) -> list[dict[str, Any]]:
    """Return what happened to the account, oldest first; PermanentFailure when no store knows it.

    State changes (flags, plans, metadata) stand at the moment they were first seen.
    """
    rows = warehouse.rows(TIMELINE_SQL, (account_id,))
    if not rows:
        raise PermanentFailure(
            f"no store knows the account {account_id!r}.",
            todo="use an account id such as those that `paygo drift --json` names.",
        )
    return [{"at": _when(row.pop("happened_at")), **row} for row in rows]


def _when(at: datetime | None) -> str | None:
    return iso(at.replace(tzinfo=UTC)) if at else None
