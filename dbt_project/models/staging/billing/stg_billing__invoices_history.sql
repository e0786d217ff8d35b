-- Grain: one row a committed version of a mirrored invoice: (invoice_id, valid_from).
with

source as (

    select * from {{ source('raw', 'billing__invoices') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'billing.invoices'

)

select
    source.invoice_id,
    source.account_id,
    source.status,
    source.billing_reason,
    source.amount_due_minor,
    source.amount_paid_minor,
    source.currency,
    source.finalized_by,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.invoice_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
