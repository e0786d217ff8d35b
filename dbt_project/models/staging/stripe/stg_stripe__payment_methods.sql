-- Grain: one row a payment method (payment_method_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__payment_methods_history') }}

)

select
    payment_method_id,
    customer_id,
    type,
    card_brand,
    created_at,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
