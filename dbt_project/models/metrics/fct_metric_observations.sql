-- grain: one row a metric, complete UTC day and dimension
{{ config(materialized='table') }}
-- The last version of every value; days that are no longer computed keep what was last said.
with versions as (
    select * from {{ ref('fct_metric_observation_versions') }}
),

observed as (
    select * from {{ ref('int_metrics__observed') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by metric_id, observation_date, dimension order by version_number desc
        ) as recency,
    from versions
),

final as (
    select
        ranked.metric_id,
        ranked.observation_date,
        ranked.dimension,
        ranked.value,
        -- a value that this run has found again stands on this run's evidence
        coalesce(observed.as_of, ranked.as_of) as as_of,
        ranked.run_id,
        ranked.version_number,
    from ranked
    left join observed
        on
            ranked.metric_id = observed.metric_id
            and ranked.observation_date = observed.observation_date
            and ranked.dimension = observed.dimension
    where ranked.recency = 1 and ranked.value is not null
)

select * from final
