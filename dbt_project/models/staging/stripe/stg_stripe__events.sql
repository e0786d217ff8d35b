-- Grain: one row a Stripe event (event_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_stripe__events_history') }}

)

select
    event_id,
    type,
    object_id,
    api_version,
    created_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
