-- Grain: one row a link between an account and a Stripe customer (customer_row_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__customers_history') }}

)

select
    customer_row_id,
    account_id,
    stripe_customer_id,
    checkout_email,
    written_by,
    bad_debt,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
