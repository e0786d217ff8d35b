-- grain: one row a committed version of an item that the Stripe detector needs in this run
{{ config(materialized='table') }}
-- Those on the worklist, and all that an OPE of this run names.
with worklist as (
    select * from {{ ref('int_drift__stripe_worklist') }}
),

opes as (
    select * from {{ ref('int_drift__stripe_followed_opes') }}
),

keys as (
    {{ listed('item', 'subscription_item_id') }}
    union distinct
    select subscription_item_id
    from opes
    where subscription_item_id is not null
),

final as (
    {{ history_of('stripe.subscription_items', 'subscription_item_id', 'keys', [
        'subscription_id', 'price_id', 'unit_amount_minor', 'unit_amount', 'currency',
        'recurring_interval', 'quantity', 'bad_debt_item', 'current_period_end_at',
    ]) }}
)

select * from final
