-- A metric whose streams are all loaded and described for a day has an observation of that day.
with metric_days as (
    select * from {{ ref('int_time__metric_days') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

first_days as (
    select
        metric_id,
        min(observation_date) as first_date,
    from metric_days
    group by metric_id
),

-- days before the computed history keep what was last said of them
observations as (
    select observed.*
    from {{ ref('fct_metric_observations') }} as observed
    left join first_days on observed.metric_id = first_days.metric_id
    where
        observed.dimension = 'all'
        and (first_days.metric_id is null or observed.observation_date >= first_days.first_date)
)

select
    coalesce(metric_days.metric_id, observations.metric_id) as metric_id,
    coalesce(metric_days.observation_date, observations.observation_date) as observation_date,
from metric_days
full outer join observations
    on
        metric_days.metric_id = observations.metric_id
        and metric_days.observation_date = observations.observation_date
left join metric_catalogue on observations.metric_id = metric_catalogue.metric_id
where
    metric_days.metric_id is null
    or observations.metric_id is null
    or metric_catalogue.metric_id is null
