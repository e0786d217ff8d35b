-- Grain: one row a payment intent (payment_intent_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__payment_intents_history') }}

)

select
    payment_intent_id,
    customer_id,
    payment_method_id,
    status,
    amount_minor,
    amount_received_minor,
    currency,
    created_at,
    canceled_at,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
