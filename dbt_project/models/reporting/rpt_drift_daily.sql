-- grain: one row a detector, complete UTC day and kind; zero when nothing of the kind is open
with days as (
    select * from {{ ref('int_drift__days') }}
),

drift_kinds as (
    select * from {{ ref('drift_kinds') }}
),

discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
),

episodes as (
    select * from {{ ref('int_drift__episodes') }}
),

opened as (
    select
        detector,
        observation_date,
        kind,
        count(*) as open_count,
        sum(case when is_new then 1 else 0 end) as new_count,
        sum(case when is_opening_stock then 1 else 0 end) as opening_count,
    from discrepancy_days
    group by detector, observation_date, kind
),

-- resolved on the first observed day after the episode's last
resolved as (
    select
        days.detector,
        days.observation_date,
        episodes.kind,
        count(*) as resolved_count,
    from episodes
    inner join days
        on
            episodes.detector = days.detector
            and episodes.last_day_number + 1 = days.day_number
    group by days.detector, days.observation_date, episodes.kind
),

final as (
    select
        days.detector,
        days.observation_date,
        drift_kinds.kind,
        coalesce(opened.open_count, 0) as open_count,
        cast(coalesce(opened.new_count, 0) as bigint) as new_count,
        coalesce(resolved.resolved_count, 0) as resolved_count,
        cast(coalesce(opened.opening_count, 0) as bigint) as opening_count,
    from days
    inner join drift_kinds on days.detector = drift_kinds.detector
    left join opened
        on
            days.detector = opened.detector
            and days.observation_date = opened.observation_date
            and drift_kinds.kind = opened.kind
    left join resolved
        on
            days.detector = resolved.detector
            and days.observation_date = resolved.observation_date
            and drift_kinds.kind = resolved.kind
)

select * from final
