-- Grain: one row a payment of an invoice (invoice_payment_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__invoice_payments_history') }}

)

select
    invoice_payment_id,
    invoice_id,
    payment_intent_id,
    status,
    amount_paid_minor,
    amount_requested_minor,
    currency,
    is_default,
    created_at,
    paid_at,
    canceled_at,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
