-- Grain: one row a delivery attempt (delivery_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__webhook_deliveries_history') }}

)

select
    delivery_id,
    event_id,
    event_type,
    handler,
    attempt,
    received_at,
    delivered_at,
    outcome,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
