-- Grain: one row a committed version of a delivery attempt: (delivery_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__webhook_deliveries') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.webhook_deliveries'

)

select
    source.delivery_id,
    source.event_id,
    source.event_type,
    source.handler,
    source.attempt,
    source.received_at,
    source.delivered_at,
    source.outcome,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.delivery_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
