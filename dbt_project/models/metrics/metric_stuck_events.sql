-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'stuck_events'
),

stuck_events as (
    select * from {{ ref('stg_engine__stuck_events_history') }}
    where not is_deleted
),

counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join stuck_events on {{ is_valid_at('stuck_events', 'days.day_end_at') }}
    group by days.observation_date
),

final as (
    {{ metric_rows('stuck_events') }}
)

select * from final
