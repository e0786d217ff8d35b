-- Grain: one row a committed version of a payment method: (payment_method_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__payment_methods') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.payment_methods'

)

select
    source.payment_method_id,
    source.customer_id,
    source.type,
    source.card_brand,
    source.created_at,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.payment_method_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
