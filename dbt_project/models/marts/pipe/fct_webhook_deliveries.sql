-- Grain: one row a delivery attempt of the pipe (delivery_id).
{{ config(materialized='table') }}

with

deliveries as (

    select * from {{ ref('stg_engine__webhook_deliveries') }}

),

repeated as (

    select * from {{ ref('int_pipe__repeated_deliveries') }}

),

handlers as (

    select * from {{ ref('handlers') }}

)

select
    deliveries.delivery_id,
    deliveries.event_id,
    deliveries.event_type,
    deliveries.handler,
    deliveries.attempt,
    deliveries.outcome,
    coalesce(deliveries.outcome = 'delivered', false) as is_delivered,
    coalesce(deliveries.outcome = 'duplicate' or repeated.delivery_number > 1, false)
        as is_duplicate,
    deliveries.handler is null as is_unhandled,
    deliveries.handler is not null and handlers.handler is null as is_unknown_handler,
    coalesce(handlers.is_decision_leak, false) as is_decision_leak,
    {{ seconds_between('deliveries.received_at', 'deliveries.delivered_at') }} as lag_seconds,
    deliveries.received_at,
    deliveries.delivered_at,
from deliveries
left join repeated on deliveries.delivery_id = repeated.delivery_id
left join handlers on deliveries.handler = handlers.handler
