-- Grain: one row a committed version of an invoice: (invoice_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__invoices') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.invoices'

)

select
    source.invoice_id,
    source.customer_id,
    source.account_id,
    source.subscription_id,
    source.status,
    source.billing_reason,
    source.collection_method,
    source.currency,
    source.amount_due_minor,
    source.amount_paid_minor,
    source.amount_remaining_minor,
    source.attempt_count,
    source.created_at,
    source.due_at,
    source.finalized_at,
    source.paid_at,
    source.marked_uncollectible_at,
    source.voided_at,
    source.finalized_by,
    source.bad_debt_amount,
    source.bad_debt_paid,
    source.bad_debt_invoices,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.invoice_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
