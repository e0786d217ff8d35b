-- Grain: one row an invoice (invoice_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__invoices_history') }}

)

select
    invoice_id,
    customer_id,
    account_id,
    subscription_id,
    status,
    billing_reason,
    collection_method,
    currency,
    amount_due_minor,
    amount_paid_minor,
    amount_remaining_minor,
    attempt_count,
    created_at,
    due_at,
    finalized_at,
    paid_at,
    marked_uncollectible_at,
    voided_at,
    finalized_by,
    bad_debt_amount,
    bad_debt_paid,
    bad_debt_invoices,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
