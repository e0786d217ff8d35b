-- grain: one row a metric, complete UTC day and dimension
{{ config(materialized='table') }}
with metric_days as (
    select * from {{ ref('int_time__metric_days') }}
),

metric_values as (
    {{ union_metrics() }}
),

final as (
    select
        metric_values.metric_id,
        metric_values.observation_date,
        metric_values.dimension,
        metric_values.value,
        metric_days.as_of,
    from metric_values
    inner join metric_days
        on
            metric_values.metric_id = metric_days.metric_id
            and metric_values.observation_date = metric_days.observation_date
)

select * from final
