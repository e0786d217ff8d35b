-- Grain: one row a committed version of a Stripe customer: (customer_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__customers') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.customers'

)

select
    source.customer_id,
    source.created_at,
    source.currency,
    source.is_delinquent,
    source.account_id,
    source.account_type,
    source.bad_debt,
    source.lifting,
    source.payload,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.customer_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
