-- Grain: one row a committed version of a payment of an invoice: (invoice_payment_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__invoice_payments') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.invoice_payments'

)

select
    source.invoice_payment_id,
    source.invoice_id,
    source.payment_intent_id,
    source.status,
    source.amount_paid_minor,
    source.amount_requested_minor,
    source.currency,
    source.is_default,
    source.created_at,
    source.paid_at,
    source.canceled_at,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.invoice_payment_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
