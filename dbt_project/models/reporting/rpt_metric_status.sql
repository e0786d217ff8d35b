-- grain: one row a metric of the catalogue
-- A view: the verdict of the last check stands here as soon as the check has written it.
with metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

metric_status as (
    select * from {{ ref('fct_metric_status') }}
),

observations as (
    select * from {{ ref('fct_metric_observations') }}
    where dimension = 'all'
),

check_results as (
    select * from {{ source('ops', 'check_results') }}
    where subject_kind = 'metric'
),

last_evaluations as (
    select
        subject,
        max(evaluated_at) as evaluated_at,
    from check_results
    group by subject
),

check_verdicts as (
    select
        check_results.subject as metric_id,
        max(case check_results.verdict when 'broken' then 3 when 'failed' then 2 else 1 end) as gravity,
    from check_results
    inner join last_evaluations
        on
            check_results.subject = last_evaluations.subject
            and check_results.evaluated_at = last_evaluations.evaluated_at
    group by check_results.subject
),

positioned as (
    select
        metric_id,
        observation_date,
        value,
        row_number() over (partition by metric_id order by observation_date) as from_first,
        row_number() over (partition by metric_id order by observation_date desc) as from_last,
    from observations
),

-- a mean of seven days needs seven days
trends as (
    select
        metric_id,
        min(observation_date) as first_date,
        case when count(*) >= 7
            then cast(sum(case when from_last <= 7 then value end) / 7 as {{ numeric_type() }})
        end as trend_mean_7d,
        case when count(*) >= 7
            then cast(sum(case when from_first <= 7 then value end) / 7 as {{ numeric_type() }})
        end as first_mean_7d,
    from positioned
    group by metric_id
),

final as (
    select
        metric_catalogue.metric_id,
        metric_catalogue.title,
        metric_catalogue.definition,
        metric_catalogue.unit,
        metric_catalogue.owner,
        metric_catalogue.workstream,
        metric_catalogue.cadence,
        metric_catalogue.value_kind,
        metric_catalogue.calendar,
        cast(metric_catalogue.freshness_window_hours as bigint) as freshness_window_hours,
        metric_status.value,
        metric_status.value_date,
        metric_status.as_of,
        metric_status.fresh_until,
        metric_status.evidence,
        metric_status.freshness,
        metric_status.age_hours,
        metric_status.stale_by_hours,
        metric_status.oldest_source,
        metric_catalogue.streams,
        metric_status.level,
        case check_verdicts.gravity when 3 then 'broken' when 2 then 'failed' when 1 then 'passed' end
            as check_verdict,
        metric_status.warning,
        metric_status.critical,
        metric_status.target,
        metric_catalogue.direction,
        trends.trend_mean_7d,
        trends.first_mean_7d,
        cast(
            (trends.trend_mean_7d - trends.first_mean_7d) / nullif(trends.first_mean_7d, 0)
            as {{ numeric_type() }}
        ) as change_ratio,
        trends.first_date,
        metric_catalogue.threshold_date,
        metric_catalogue.threshold_reason,
    from metric_catalogue
    inner join metric_status on metric_catalogue.metric_id = metric_status.metric_id
    left join check_verdicts on metric_catalogue.metric_id = check_verdicts.metric_id
    left join trends on metric_catalogue.metric_id = trends.metric_id
)

select * from final
