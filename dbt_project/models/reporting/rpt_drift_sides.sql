-- grain: one row a detector and side that it compares (the source that serves it)
-- A side is as old as the oldest of its streams. While a side is stale no day of the detector can be
-- completed, so nothing opens: the last figure stands, and is called stale.
with drift_kinds as (
    select * from {{ ref('drift_kinds') }}
),

stream_deadlines as (
    select * from {{ ref('int_metrics__stream_deadlines') }}
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

side_streams as (
    select
        detectors.detector,
        {{ regex_capture('stream_deadlines.stream', '^([a-z]+)') }} as side,
        stream_deadlines.stream,
        stream_deadlines.as_of,
        stream_deadlines.fresh_until,
        row_number() over (
            partition by detectors.detector, {{ regex_capture('stream_deadlines.stream', '^([a-z]+)') }}
            order by
                case when stream_deadlines.as_of is null then 0 else 1 end,
                stream_deadlines.as_of,
                stream_deadlines.stream
        ) as age_rank,
    from detectors
    inner join stream_deadlines on detectors.metric_id = stream_deadlines.metric_id
),

final as (
    select
        side_streams.detector,
        side_streams.side,
        side_streams.stream as oldest_stream,
        side_streams.as_of,
        side_streams.fresh_until,
        cast({{ hours_between('side_streams.as_of', as_of_timestamp()) }} as bigint) as age_hours,
        coalesce({{ as_of_timestamp() }} > side_streams.fresh_until, true) as is_stale,
        days.observation_date as last_day,
    from side_streams
    left join days on side_streams.detector = days.detector
    where side_streams.age_rank = 1
)

select * from final
