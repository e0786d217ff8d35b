-- Grain: one row an event type that was received and that no handler takes (event_type).
with

deliveries as (

    select * from {{ ref('fct_webhook_deliveries') }}
    where is_unhandled

)

select
    event_type,
    count(*) as attempts,
    count(distinct event_id) as events,
    min(received_at) as first_received_at,
    max(received_at) as last_received_at,
from deliveries
group by event_type
