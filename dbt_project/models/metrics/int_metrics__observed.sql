-- grain: one row a metric, complete UTC day and dimension, as computed by this run
{{ config(materialized='table') }}
with metric_days as (
    select * from {{ ref('int_time__metric_days') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
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
        -- what the number means: its code, what that stands on, and the catalogue's words
        {{ stable_hash(
            "metric_values.code_hash || '|' || metric_catalogue.definition || '|'"
            ~ " || metric_catalogue.unit || '|' || metric_catalogue.streams"
        ) }} as definition_hash,
    from metric_values
    inner join metric_catalogue on metric_values.metric_id = metric_catalogue.metric_id
    inner join metric_days
        on
            metric_values.metric_id = metric_days.metric_id
            and metric_values.observation_date = metric_days.observation_date
)

select * from final
