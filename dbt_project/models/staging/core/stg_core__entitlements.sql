-- Grain: one row an entitlement of an account to a service (entitlement_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_core__entitlements_history') }}

)

select
    entitlement_id,
    account_id,
    service,
    state,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
