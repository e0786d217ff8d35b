-- Grain: one row an event that no handler has processed yet (stuck_event_id).
with

stuck_events as (

    select * from {{ ref('stg_engine__stuck_events') }}

),

horizons as (

    select max(last_as_of) as last_as_of from {{ ref('int_time__stream_horizons') }}
    where stream = 'engine.subs_stuck_events'

)

select
    stuck_events.stuck_event_id,
    stuck_events.event_id,
    stuck_events.event_type,
    stuck_events.handler,
    stuck_events.reason,
    stuck_events.created_at,
    {{ hours_between('stuck_events.created_at', 'horizons.last_as_of') }} as stuck_hours,
from stuck_events
cross join horizons
