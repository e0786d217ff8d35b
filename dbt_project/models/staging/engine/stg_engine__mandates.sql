-- Grain: one row a mandate (mandate_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__mandates_history') }}

)

select
    mandate_id,
    account_id,
    payment_method_id,
    status,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
