-- Grain: one row a delivered attempt (delivery_id), numbered among the deliveries of the same event
-- to the same handler: every number above 1 is a duplicate.
with

deliveries as (

    select * from {{ ref('stg_engine__webhook_deliveries') }}
    where outcome = 'delivered'

)

select
    delivery_id,
    row_number() over (
        partition by event_id, handler
        order by delivered_at, delivery_id
    ) as delivery_number,
from deliveries
