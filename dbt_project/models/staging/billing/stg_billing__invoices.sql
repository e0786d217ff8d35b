-- Grain: one row a mirrored invoice (invoice_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_billing__invoices_history') }}

)

select
    invoice_id,
    account_id,
    status,
    billing_reason,
    amount_due_minor,
    amount_paid_minor,
    currency,
    finalized_by,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
