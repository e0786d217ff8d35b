-- grain: one row a metric of the catalogue: how current its evidence is and where its value stands
{{ config(materialized='table') }}
with metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

stream_deadlines as (
    select * from {{ ref('int_metrics__stream_deadlines') }}
),

observations as (
    select * from {{ ref('fct_metric_observations') }}
    where dimension = 'all'
),

accounts as (
    select * from {{ ref('stg_engine__accounts') }}
),

account_count as (
    select count(*) as accounts from accounts
),

-- a stream that was never read comes first: nothing is older
aged_streams as (
    select
        metric_id,
        stream,
        as_of,
        fresh_until,
        row_number() over (
            partition by metric_id
            order by case when as_of is null then 0 else 1 end, as_of, stream
        ) as age_rank,
    from stream_deadlines
),

oldest_streams as (
    select * from aged_streams
    where age_rank = 1
),

last_observations as (
    select
        metric_id,
        observation_date,
        value,
        row_number() over (partition by metric_id order by observation_date desc) as recency,
    from observations
),

scaled as (
    select
        metric_catalogue.metric_id,
        metric_catalogue.direction,
        last_observations.value,
        last_observations.observation_date as value_date,
        oldest_streams.as_of,
        oldest_streams.fresh_until,
        oldest_streams.stream as oldest_source,
        {% for threshold in ['warning', 'critical', 'target'] %}
        cast(
            case
                when metric_catalogue.threshold_basis = 'per_million_accounts'
                    then cast(metric_catalogue.{{ threshold }} * account_count.accounts as {{ numeric_type() }})
                        * cast('0.000001' as {{ numeric_type() }})
                else metric_catalogue.{{ threshold }}
            end as {{ numeric_type() }}
        ) as {{ threshold }},
        {% endfor %}
        {{ as_of_timestamp() }} as evaluated_at,
    from metric_catalogue
    cross join account_count
    left join oldest_streams on metric_catalogue.metric_id = oldest_streams.metric_id
    left join last_observations
        on
            metric_catalogue.metric_id = last_observations.metric_id
            and last_observations.recency = 1
),

judged as (
    select
        *,
        case
            when as_of is null then 'unknown'
            when evaluated_at > fresh_until then 'stale'
            else 'fresh'
        end as freshness,
        cast({{ hours_between('as_of', 'evaluated_at') }} as bigint) as age_hours,
    from scaled
),

final as (
    select
        metric_id,
        value,
        value_date,
        as_of,
        fresh_until,
        oldest_source,
        case when value is null then 'never_measured' else 'measured' end as evidence,
        freshness,
        age_hours,
        case when freshness = 'stale' then age_hours when freshness = 'fresh' then 0 end as stale_by_hours,
        case
            when warning is null and critical is null then 'no_threshold'
            when value is null then 'unknown'
            when direction = 'down' and value >= critical then 'critical'
            when direction = 'down' and value >= warning then 'warning'
            when direction = 'up' and value <= critical then 'critical'
            when direction = 'up' and value <= warning then 'warning'
            else 'ok'
        end as level,
        warning,
        critical,
        target,
        evaluated_at,
    from judged
)

select * from final
