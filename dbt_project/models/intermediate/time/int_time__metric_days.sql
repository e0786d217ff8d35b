-- grain: one row a metric and complete UTC day on which it can be observed
{{ config(materialized='table') }}
-- Metrics on daily state: days whose end every stream has described, from the day of the first
-- load that all of them share. Metrics on the objects' own timestamps: every day of the trailing
-- history. Either way no day beyond the horizon of the metric's oldest stream.
{% set history_days = var('history_days', 90) %}
with metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

stream_days as (
    select * from {{ ref('int_time__stream_days') }}
),

metric_streams as (
    select
        metric_id,
        history,
        value_kind,
        stream,
    from metric_catalogue, {{ unnest_array(split_text('streams', ';'), 'stream') }}
),

metric_horizons as (
    select
        metric_streams.metric_id,
        min(metric_streams.history) as history,
        min(metric_streams.value_kind) as value_kind,
        count(*) as streams,
        count(stream_horizons.stream) as streams_loaded,
        max(stream_horizons.first_as_of) as first_as_of,
        min(stream_horizons.last_as_of) as as_of,
    from metric_streams
    left join stream_horizons on metric_streams.stream = stream_horizons.stream
    group by metric_streams.metric_id
),

state_days as (
    select
        metric_streams.metric_id,
        stream_days.observation_date,
        count(*) as streams_described,
    from metric_streams
    inner join stream_days on metric_streams.stream = stream_days.stream
    where metric_streams.history = 'daily_state'
    group by metric_streams.metric_id, stream_days.observation_date
),

daily_state_metrics as (
    select
        metric_horizons.metric_id,
        state_days.observation_date,
        metric_horizons.as_of,
    from metric_horizons
    inner join state_days on metric_horizons.metric_id = state_days.metric_id
    where
        state_days.streams_described = metric_horizons.streams
        and state_days.observation_date >= cast(metric_horizons.first_as_of as date)
),

calendar as (
    select cast(calendar_day as date) as observation_date,
    from {{ unnest_array(
        days_between_array(
            date_plus_days('cast(' ~ as_of_timestamp() ~ ' as date)', -history_days),
            'cast(' ~ as_of_timestamp() ~ ' as date)',
        ),
        'calendar_day',
    ) }}
),

own_timestamp_metrics as (
    select
        metric_horizons.metric_id,
        calendar.observation_date,
        metric_horizons.as_of,
    from metric_horizons
    cross join calendar
    where
        metric_horizons.history = 'own_timestamps'
        and metric_horizons.streams_loaded = metric_horizons.streams
        and (
            metric_horizons.value_kind <> 'flow_month'
            -- the first day with thirty complete days behind it
            or calendar.observation_date >= {{ date_plus_days(
                'cast(' ~ as_of_timestamp() ~ ' as date)', 29 - history_days
            ) }}
        )
),

unioned as (
    select * from daily_state_metrics
    union all
    select * from own_timestamp_metrics
),

final as (
    select
        metric_id,
        observation_date,
        cast(observation_date as timestamp) as day_start_at,
        cast({{ date_plus_days('observation_date', 1) }} as timestamp) as day_end_at,
        as_of,
        row_number() over (partition by metric_id order by observation_date) as day_number,
    from unioned
    where cast({{ date_plus_days('observation_date', 1) }} as timestamp) <= as_of
)

select
    *,
    row_number() over (partition by metric_id order by observation_date desc) = 1 as is_last_day,
from final
