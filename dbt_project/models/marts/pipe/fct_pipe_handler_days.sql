-- Grain: one row a UTC day and handler (observation_date, handler). Attempts belong to the day they
-- were received on, lags to the day of delivery; '(none)' stands for events that no handler takes.
with

deliveries as (

    select
        *,
        coalesce(handler, '(none)') as handler_name,
    from {{ ref('fct_webhook_deliveries') }}

),

received as (

    select
        {{ date_of('received_at') }} as observation_date,
        handler_name as handler,
        count(*) as attempts,
        count(distinct event_id) as events,
        count(case when outcome = 'failed' then 1 end) as failed_attempts,
        count(case when is_duplicate then 1 end) as duplicates,
    from deliveries
    group by observation_date, handler_name

),

delivered as (

    select
        {{ date_of('delivered_at') }} as observation_date,
        handler_name as handler,
        count(*) as deliveries,
        {{ nearest_rank('lag_seconds', 50) }} as lag_p50_seconds,
        {{ nearest_rank('lag_seconds', 95) }} as lag_p95_seconds,
        {{ nearest_rank('lag_seconds', 99) }} as lag_p99_seconds,
    from deliveries
    where
        is_delivered
        and delivered_at is not null
    group by observation_date, handler_name

),

leaks as (

    select
        handler_name as handler,
        count(case when is_decision_leak then 1 end) > 0 as is_decision_leak,
    from deliveries
    group by handler_name

)

select
    coalesce(received.observation_date, delivered.observation_date) as observation_date,
    coalesce(received.handler, delivered.handler) as handler,
    leaks.is_decision_leak,
    coalesce(received.attempts, 0) as attempts,
    coalesce(received.events, 0) as events,
    coalesce(received.failed_attempts, 0) as failed_attempts,
    coalesce(received.duplicates, 0) as duplicates,
    coalesce(delivered.deliveries, 0) as deliveries,
    delivered.lag_p50_seconds,
    delivered.lag_p95_seconds,
    delivered.lag_p99_seconds,
from received
full outer join delivered
    on
        received.observation_date = delivered.observation_date
        and received.handler = delivered.handler
left join leaks on coalesce(received.handler, delivered.handler) = leaks.handler
