-- Grain: one row an invoice that a payment was applied to (invoice_id): its first payment,
-- and what all its payments come to.
with

invoice_payments as (

    select * from {{ ref('stg_stripe__invoice_payments') }}
    where
        status = 'paid'
        and paid_at is not null

)

select
    invoice_id,
    invoice_payment_id,
    payment_intent_id,
    amount_paid_minor,
    currency,
    paid_at,
    cast(sum(amount_paid_minor) over (partition by invoice_id) as bigint) as total_paid_minor,
from invoice_payments
qualify row_number() over (partition by invoice_id order by paid_at, invoice_payment_id) = 1
