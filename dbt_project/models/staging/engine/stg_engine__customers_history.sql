-- Grain: one row a committed version of a link between an account and a Stripe customer: (customer_row_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_customer') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_customer'

)

select
    source.customer_row_id,
    source.account_id,
    source.stripe_customer_id,
    source.checkout_email,
    source.written_by,
    source.bad_debt,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.customer_row_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
