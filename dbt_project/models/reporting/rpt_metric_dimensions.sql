-- grain: one row a metric with a dimension, complete UTC day and part
with observations as (
    select * from {{ ref('fct_metric_observations') }}
    where dimension <> 'all'
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

final as (
    select
        observations.metric_id,
        observations.observation_date,
        metric_catalogue.dimension as dimension_name,
        substr(observations.dimension, length(metric_catalogue.dimension) + 2) as part,
        observations.value,
        observations.as_of,
        observations.run_id,
    from observations
    inner join metric_catalogue on observations.metric_id = metric_catalogue.metric_id
)

select * from final
