-- Grain: one row a scheduled service level change (sslc_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__service_level_changes_history') }}

)

select
    sslc_id,
    ope_id,
    from_value,
    to_value,
    effective_at,
    applied_at,
    cancelled_at,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
