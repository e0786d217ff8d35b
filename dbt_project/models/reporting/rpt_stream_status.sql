-- grain: one row a stream of the contract, also one that was never loaded
-- A view: an attempt shows as soon as it is recorded.
with streams as (
    select * from {{ ref('int_time__streams') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

-- of the metrics that read a stream, the strictest decides
stream_deadlines as (
    select
        stream,
        min(fresh_until) as fresh_until,
    from {{ ref('int_metrics__stream_deadlines') }}
    group by stream
),

stream_runs as (
    select * from {{ source('ops', 'stream_runs') }}
),

attempts as (
    select
        stream,
        as_of,
        recorded_at,
        status,
        case
            when status <> 'ok'
                then coalesce(error_message, error_kind, 'no message')
        end as error,
        row_number() over (partition by stream order by recorded_at desc, as_of desc, run_id desc) as recency,
    from stream_runs
),

dated as (
    select
        streams.stream,
        streams.source,
        stream_horizons.last_as_of as as_of,
        coalesce(
            stream_deadlines.fresh_until,
            {{ timestamp_plus_hours('stream_horizons.last_as_of', 'streams.default_window_hours') }}
        ) as fresh_until,
    from streams
    left join stream_horizons on streams.stream = stream_horizons.stream
    left join stream_deadlines on streams.stream = stream_deadlines.stream
),

final as (
    select
        dated.stream,
        dated.source,
        dated.as_of,
        cast({{ hours_between('dated.as_of', as_of_timestamp()) }} as bigint) as age_hours,
        dated.fresh_until,
        coalesce({{ as_of_timestamp() }} > dated.fresh_until, true) as is_stale,
        attempts.recorded_at as last_attempt_at,
        attempts.status as last_status,
        attempts.error as last_error,
    from dated
    left join attempts
        on
            dated.stream = attempts.stream
            and attempts.recency = 1
)

select * from final
