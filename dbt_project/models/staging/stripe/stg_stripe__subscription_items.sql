-- Grain: one row a subscription item (subscription_item_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__subscription_items_history') }}

)

select
    subscription_item_id,
    subscription_id,
    price_id,
    product_id,
    unit_amount_minor,
    unit_amount,
    currency,
    recurring_interval,
    usage_type,
    quantity,
    bad_debt_item,
    current_period_start_at,
    current_period_end_at,
    created_at,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
