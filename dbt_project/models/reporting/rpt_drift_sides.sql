-- grain: one row a detector and side that it compares (the source that serves it)
-- A side is as old as the oldest of its streams. While a side is stale no day of the detector can be
-- completed, so nothing opens: the last figure stands, and is called stale.
with drift_kinds as (
    select * from {{ ref('drift_kinds') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

days as (
    select * from {{ ref('int_drift__days') }}
    where is_last_day
),

detectors as (
    select distinct
        detector,
        metric_id,
    from drift_kinds
),

metric_streams as (
    select
        metric_id,
        freshness_window_hours,
        stream,
    from metric_catalogue, {{ unnest_array(split_text('streams', ';'), 'stream') }}
),

side_streams as (
    select
        detectors.detector,
        {{ regex_capture('metric_streams.stream', '^([a-z]+)') }} as side,
        metric_streams.freshness_window_hours,
        metric_streams.stream,
        stream_horizons.last_as_of,
        row_number() over (
            partition by detectors.detector, {{ regex_capture('metric_streams.stream', '^([a-z]+)') }}
            order by
                case when stream_horizons.last_as_of is null then 0 else 1 end,
                stream_horizons.last_as_of,
                metric_streams.stream
        ) as age_rank,
    from detectors
    inner join metric_streams on detectors.metric_id = metric_streams.metric_id
    left join stream_horizons on metric_streams.stream = stream_horizons.stream
),

final as (
    select
        side_streams.detector,
        side_streams.side,
        side_streams.stream as oldest_stream,
        side_streams.last_as_of as as_of,
        cast(side_streams.freshness_window_hours as bigint) as window_hours,
        cast({{ hours_between('side_streams.last_as_of', as_of_timestamp()) }} as bigint) as age_hours,
        coalesce(
            side_streams.last_as_of < {{ timestamp_plus_hours(
                as_of_timestamp(), '-cast(side_streams.freshness_window_hours as bigint)'
            ) }},
            true
        ) as is_stale,
        days.observation_date as last_day,
    from side_streams
    left join days on side_streams.detector = days.detector
    where side_streams.age_rank = 1
)

select * from final
