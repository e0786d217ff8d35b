-- Grain: one row a committed version of a subscription item: (subscription_item_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__subscription_items') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.subscription_items'

)

select
    source.subscription_item_id,
    source.subscription_id,
    source.price_id,
    source.product_id,
    source.unit_amount_minor,
    source.unit_amount,
    source.currency,
    source.recurring_interval,
    source.usage_type,
    source.quantity,
    source.bad_debt_item,
    source.current_period_start_at,
    source.current_period_end_at,
    source.created_at,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.subscription_item_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
