-- A day is observed only when every stream of the metric is known to its end.
with observations as (
    select * from {{ ref('fct_metric_observations') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

metric_streams as (
    select
        metric_id,
        stream,
    from metric_catalogue, {{ unnest_array(split_text('streams', ';'), 'stream') }}
)

select
    observations.metric_id,
    observations.observation_date,
    metric_streams.stream,
    stream_horizons.last_as_of,
from observations
inner join metric_streams on observations.metric_id = metric_streams.metric_id
left join stream_horizons on metric_streams.stream = stream_horizons.stream
where
    stream_horizons.last_as_of is null
    or stream_horizons.last_as_of
    < cast({{ date_plus_days('observations.observation_date', 1) }} as timestamp)
