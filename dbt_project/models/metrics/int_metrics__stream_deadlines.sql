-- grain: one row a metric and stream that it stands on; until when that stream's evidence is fresh
{{ config(materialized='table') }}
-- Hours of the days that the catalogue's calendar leaves out do not count towards the window:
-- `weekends` Saturday and Sunday, `month_end` the last day of a month and the first of the next.
with metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

metric_streams as (
    select
        metric_id,
        freshness_window_hours,
        coalesce(calendar, '') as calendar,
        stream,
    from metric_catalogue, {{ unnest_array(split_text('streams', ';'), 'stream') }}
),

read_streams as (
    select
        metric_streams.metric_id,
        metric_streams.stream,
        metric_streams.calendar,
        metric_streams.freshness_window_hours,
        stream_horizons.last_as_of as as_of,
        {{ date_of('stream_horizons.last_as_of') }} as as_of_date,
    from metric_streams
    left join stream_horizons on metric_streams.stream = stream_horizons.stream
),

-- enough days for the window with all that may be left out between them
days as (
    select
        metric_id,
        stream,
        calendar,
        freshness_window_hours,
        as_of,
        cast(calendar_day as date) as calendar_date,
    from read_streams, {{ unnest_array(
        days_between_array(
            'as_of_date',
            date_plus_days('as_of_date', 'cast(10 + floor(freshness_window_hours / 12) as integer)'),
        ),
        'calendar_day',
    ) }}
    where as_of is not null
),

counted as (
    select
        *,
        {{ end_of_day('calendar_date') }} as day_end_at,
        case
            when calendar like '%weekends%'
                and {{ days_between(iso_week_start('calendar_date'), 'calendar_date') }} >= 5 then 0
            when calendar like '%month_end%'
                and (
                    extract(day from calendar_date) = 1
                    or extract(day from {{ date_plus_days('calendar_date', 1) }}) = 1
                ) then 0
            else {{ microseconds_between(
                'greatest(as_of, ' ~ start_of_day('calendar_date') ~ ')', end_of_day('calendar_date')
            ) }}
        end as counted_microseconds,
        freshness_window_hours * 3600000000 as window_microseconds,
    from days
),

running as (
    select
        *,
        sum(counted_microseconds) over (
            partition by metric_id, stream order by calendar_date
            rows between unbounded preceding and current row
        ) as age_microseconds,
    from counted
),

-- on the first day at whose end the counted age is beyond the window, it passed the window
deadlines as (
    select
        metric_id,
        stream,
        min({{ timestamp_plus_seconds(
            'day_end_at', '-cast(ceil((age_microseconds - window_microseconds) / 1000000) as bigint)'
        ) }}) as fresh_until,
    from running
    where age_microseconds > window_microseconds
    group by metric_id, stream
),

final as (
    select
        read_streams.metric_id,
        read_streams.stream,
        read_streams.as_of,
        deadlines.fresh_until,
    from read_streams
    left join deadlines
        on
            read_streams.metric_id = deadlines.metric_id
            and read_streams.stream = deadlines.stream
)

select * from final
