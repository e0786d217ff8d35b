-- Grain: one row an invoice line (line_item_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__invoice_line_items_history') }}

)

select
    line_item_id,
    invoice_id,
    amount_minor,
    currency,
    quantity,
    price_id,
    subscription_id,
    subscription_item_id,
    period_start_at,
    period_end_at,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
