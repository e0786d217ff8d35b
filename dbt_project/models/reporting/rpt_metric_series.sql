-- grain: one row a metric and complete UTC day
with observations as (
    select * from {{ ref('fct_metric_observations') }}
),

final as (
    select
        metric_id,
        observation_date,
        value,
        as_of,
    from observations
    where dimension = 'all'
)

select * from final
