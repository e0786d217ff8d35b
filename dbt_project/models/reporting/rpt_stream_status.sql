-- grain: one row a stream of the contract, also one that was never loaded
-- A view: an attempt shows as soon as it is recorded.
with stream_rows as (
    select * from {{ ref('int_time__stream_rows') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

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

final as (
    select
        stream_rows.stream,
        stream_rows.source,
        stream_horizons.last_as_of as as_of,
        cast({{ hours_between('stream_horizons.last_as_of', as_of_timestamp()) }} as bigint) as age_hours,
        stream_deadlines.fresh_until,
        attempts.recorded_at as last_attempt_at,
        attempts.status as last_status,
        attempts.error as last_error,
        stream_rows.current_rows,
    from stream_rows
    left join stream_horizons on stream_rows.stream = stream_horizons.stream
    left join stream_deadlines on stream_rows.stream = stream_deadlines.stream
    left join attempts
        on
            stream_rows.stream = attempts.stream
            and attempts.recency = 1
)

select * from final
