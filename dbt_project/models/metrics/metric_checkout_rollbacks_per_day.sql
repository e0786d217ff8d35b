-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'checkout_rollbacks_per_day'
),

mutations as (
    select * from {{ ref('stg_engine__mutations') }}
    where entry_point = 'checkout' and outcome = 'rolled_back'
),

counted as (
    select
        {{ date_of('started_at') }} as observation_date,
        count(*) as value,
    from mutations
    group by 1
),

final as (
    {{ metric_rows('checkout_rollbacks_per_day') }}
)

select * from final
