-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'double_charged_accounts'
),

double_charges as (
    select * from {{ ref('int_drift__double_charges') }}
),

-- cumulative: once charged twice, counted on every later day
counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join double_charges on double_charges.charged_twice_at < days.day_end_at
    group by days.observation_date
),

parts as (
    select
        {{ date_of('charged_twice_at') }} as observation_date,
        'new' as part,
        count(*) as value,
    from double_charges
    group by 1
),

final as (
    {{ metric_rows('double_charged_accounts', dimension='change') }}
)

select * from final
