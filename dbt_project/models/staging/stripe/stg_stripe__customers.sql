-- Grain: one row a Stripe customer (customer_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__customers_history') }}

)

select
    customer_id,
    created_at,
    currency,
    is_delinquent,
    account_id,
    account_type,
    bad_debt,
    lifting,
    payload,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
