-- Grain: one row a paid consolidated invoice and a paid original that it consolidates
-- (consolidated_invoice_id, original_invoice_id): the same debt was collected twice. An original
-- that a consolidated invoice names twice was paid twice once; all that was paid on it is at stake.
with

consolidations as (

    select * from {{ ref('int_billing__consolidations') }}

),

first_payments as (

    select * from {{ ref('int_billing__first_payments') }}

)

select
    consolidations.consolidated_invoice_id,
    consolidations.original_invoice_id,
    consolidations.account_id,
    consolidated.invoice_payment_id as consolidated_payment_id,
    original.invoice_payment_id as original_payment_id,
    consolidated.paid_at as consolidated_paid_at,
    original.paid_at as original_paid_at,
    case
        when consolidated.paid_at < original.paid_at then original.paid_at
        else consolidated.paid_at
    end as charged_twice_at,
    original.total_paid_minor as amount_charged_twice_minor,
    original.currency,
from consolidations
inner join first_payments as consolidated
    on consolidations.consolidated_invoice_id = consolidated.invoice_id
inner join first_payments as original
    on consolidations.original_invoice_id = original.invoice_id
