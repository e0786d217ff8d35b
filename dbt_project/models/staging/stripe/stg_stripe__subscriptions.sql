-- Grain: one row a subscription (subscription_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__subscriptions_history') }}

)

select
    subscription_id,
    customer_id,
    status,
    collection_method,
    currency,
    created_at,
    canceled_at,
    ended_at,
    trial_end_at,
    latest_invoice_id,
    subscription_type,
    legacy_subscription_type,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
