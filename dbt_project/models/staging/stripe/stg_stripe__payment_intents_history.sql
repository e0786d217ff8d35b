-- Grain: one row a committed version of a payment intent: (payment_intent_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__payment_intents') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.payment_intents'

)

select
    source.payment_intent_id,
    source.customer_id,
    source.payment_method_id,
    source.status,
    source.amount_minor,
    source.amount_received_minor,
    source.currency,
    source.created_at,
    source.canceled_at,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.payment_intent_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
