-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'pipe_lag_p95_seconds'
),

deliveries as (
    select
        {{ date_of('delivered_at') }} as observation_date,
        {{ seconds_between('received_at', 'delivered_at') }} as lag_seconds,
    from {{ ref('stg_engine__webhook_deliveries') }}
    where outcome = 'delivered' and delivered_at is not null
),

counted as (
    select
        observation_date,
        {{ nearest_rank('lag_seconds', 95) }} as value,
    from deliveries
    group by observation_date
),

final as (
    {{ metric_rows('pipe_lag_p95_seconds') }}
)

select * from final
