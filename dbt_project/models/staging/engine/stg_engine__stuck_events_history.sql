-- Grain: one row a committed version of a stuck event: (stuck_event_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_stuck_events') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_stuck_events'

)

select
    source.stuck_event_id,
    source.event_id,
    source.event_type,
    source.handler,
    source.reason,
    source.created_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.stuck_event_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
