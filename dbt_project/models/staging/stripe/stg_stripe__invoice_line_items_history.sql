-- Grain: one row a committed version of an invoice line: (line_item_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__invoice_line_items') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.invoice_line_items'

)

select
    source.line_item_id,
    source.invoice_id,
    source.amount_minor,
    source.currency,
    source.quantity,
    source.price_id,
    source.subscription_id,
    source.subscription_item_id,
    source.period_start_at,
    source.period_end_at,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.line_item_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
