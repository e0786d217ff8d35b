-- Grain: one row a committed version of a subscription: (subscription_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__subscriptions') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.subscriptions'

)

select
    source.subscription_id,
    source.customer_id,
    source.status,
    source.collection_method,
    source.currency,
    source.created_at,
    source.canceled_at,
    source.ended_at,
    source.trial_end_at,
    source.latest_invoice_id,
    source.subscription_type,
    source.legacy_subscription_type,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.subscription_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
