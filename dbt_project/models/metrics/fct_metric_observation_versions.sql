-- grain: one row a metric, UTC day, dimension and version of its value; rows are added, never rewritten
{{ config(
    materialized='incremental',
    incremental_strategy=('merge' if target.type == 'bigquery' else 'append'),
    full_refresh=false,
    on_schema_change='fail',
) }}
-- Without a key BigQuery's merge appends; it knows no strategy of that name.
-- A full refresh does not empty it: what was once said stays, with what was said later and why.
with observed as (
    select * from {{ ref('int_metrics__observed') }}
),

metric_catalogue as (
    select * from {{ ref('metric_catalogue') }}
),

load_ledger as (
    select * from {{ source('ops', 'load_ledger') }}
),

known as (
    {% if is_incremental() %}
    select * from {{ this }}
    {% else %}
    select
        metric_id,
        observation_date,
        dimension,
        0 as version_number,
        value,
        as_of,
        definition_hash,
        0 as evidence_loads,
        as_of as recorded_at,
    from observed
    where 1 = 0
    {% endif %}
),

ranked as (
    select
        *,
        row_number() over (
            partition by metric_id, observation_date, dimension order by version_number desc
        ) as recency,
        row_number() over (
            partition by metric_id order by recorded_at desc, evidence_loads desc, version_number desc
        ) as run_recency,
    from known
),

latest as (
    select * from ranked
    where recency = 1
),

last_runs as (
    select
        metric_id,
        recorded_at,
        definition_hash,
        evidence_loads,
    from ranked
    where run_recency = 1
),

metric_streams as (
    select
        metric_id,
        stream,
    from metric_catalogue, {{ unnest_array(split_text('streams', ';'), 'stream') }}
),

evidence as (
    select
        metric_streams.metric_id,
        count(*) as evidence_loads,
        {{ text_list(
            "case when load_ledger.rows_appended + load_ledger.rows_deleted > 0"
            ~ " and load_ledger.as_of > last_runs.recorded_at then load_ledger.stream end", ', '
        ) }} as changed_streams,
    from metric_streams
    inner join load_ledger on metric_streams.stream = load_ledger.stream
    left join last_runs on metric_streams.metric_id = last_runs.metric_id
    group by metric_streams.metric_id
),

observed_metrics as (
    select
        metric_id,
        min(observation_date) as first_date,
        max(observation_date) as last_date,
        min(definition_hash) as definition_hash,
        max(as_of) as as_of,
    from observed
    group by metric_id
),

observed_days as (
    select
        metric_id,
        observation_date,
    from observed
    where dimension = 'all'
),

new_and_changed as (
    select
        observed.metric_id,
        observed.observation_date,
        observed.dimension,
        coalesce(latest.version_number, 0) + 1 as version_number,
        observed.value,
        latest.value as previous_value,
        observed.as_of,
        observed.definition_hash,
        false as is_withdrawn,
    from observed
    left join latest
        on
            observed.metric_id = latest.metric_id
            and observed.observation_date = latest.observation_date
            and observed.dimension = latest.dimension
    where latest.metric_id is null or latest.value is distinct from observed.value
),

-- A day or part that is no longer computed, although days around it are: the part is zero now, the
-- day has lost its evidence. Days before the first computed one keep what was said of them.
gone as (
    select
        latest.metric_id,
        latest.observation_date,
        latest.dimension,
        latest.version_number + 1 as version_number,
        case
            when observed_days.metric_id is not null then cast(0 as {{ numeric_type() }})
        end as value,
        latest.value as previous_value,
        observed_metrics.as_of,
        observed_metrics.definition_hash,
        observed_days.metric_id is null as is_withdrawn,
    from latest
    inner join observed_metrics
        on
            latest.metric_id = observed_metrics.metric_id
            and latest.observation_date >= observed_metrics.first_date
            and latest.observation_date <= observed_metrics.last_date
    left join observed_days
        on
            latest.metric_id = observed_days.metric_id
            and latest.observation_date = observed_days.observation_date
    left join observed
        on
            latest.metric_id = observed.metric_id
            and latest.observation_date = observed.observation_date
            and latest.dimension = observed.dimension
    where
        observed.metric_id is null
        and latest.value is not null
        and (observed_days.metric_id is null or latest.value <> 0)
),

unioned as (
    select * from new_and_changed
    union all
    select * from gone
),

final as (
    select
        unioned.metric_id,
        unioned.observation_date,
        unioned.dimension,
        cast(unioned.version_number as bigint) as version_number,
        unioned.value,
        unioned.previous_value,
        case
            when unioned.version_number = 1 then 'first'
            when unioned.is_withdrawn then 'evidence_withdrawn'
            when unioned.definition_hash <> last_runs.definition_hash
                and evidence.evidence_loads <> last_runs.evidence_loads then 'definition_and_late_data'
            when unioned.definition_hash <> last_runs.definition_hash then 'definition'
            when evidence.evidence_loads <> last_runs.evidence_loads then 'late_data'
            else 'unexplained'
        end as cause,
        case when unioned.version_number > 1 then evidence.changed_streams end as changed_streams,
        unioned.as_of,
        unioned.definition_hash,
        cast(evidence.evidence_loads as bigint) as evidence_loads,
        {{ as_of_timestamp() }} as recorded_at,
        '{{ run_name() }}' as run_id,
    from unioned
    left join evidence on unioned.metric_id = evidence.metric_id
    left join last_runs on unioned.metric_id = last_runs.metric_id
)

select * from final
