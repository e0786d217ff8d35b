-- Grain: one row an account (account_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__accounts_history') }}

)

select
    account_id,
    account_type,
    flags,
    billing_email,
    country,
    currency,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
