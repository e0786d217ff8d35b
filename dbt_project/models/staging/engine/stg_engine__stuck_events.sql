-- Grain: one row a stuck event (stuck_event_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__stuck_events_history') }}

)

select
    stuck_event_id,
    event_id,
    event_type,
    handler,
    reason,
    created_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
