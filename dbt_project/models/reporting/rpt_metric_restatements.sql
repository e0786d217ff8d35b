-- grain: one row a restated value: a metric, UTC day, dimension and version beyond the first
with versions as (
    select * from {{ ref('fct_metric_observation_versions') }}
),

final as (
    select
        metric_id,
        observation_date,
        dimension,
        version_number,
        previous_value as old_value,
        value as new_value,
        cause,
        changed_streams,
        as_of,
        recorded_at as restated_at,
        run_id,
    from versions
    where version_number > 1
)

select * from final
