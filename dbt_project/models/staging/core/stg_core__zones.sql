-- Grain: one row a zone (zone_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_core__zones_history') }}

)

select
    zone_id,
    account_id,
    name,
    plan_level,
    status,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
