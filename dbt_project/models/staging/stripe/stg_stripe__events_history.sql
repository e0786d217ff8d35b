-- Grain: one row a committed version of a Stripe event: (event_id, valid_from).
with

source as (

    select * from {{ source('raw', 'stripe__events') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'stripe.events'

)

select
    source.event_id,
    source.type,
    source.object_id,
    source.api_version,
    source.created_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.event_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
