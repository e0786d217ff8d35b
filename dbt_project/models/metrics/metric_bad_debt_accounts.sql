-- grain: one row an observed UTC day
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'bad_debt_accounts'
),

flagged as (
    select * from {{ ref('stg_engine__accounts_history') }}
    where not is_deleted and (flags & 32768) <> 0
),

counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join flagged on {{ is_valid_at('flagged', 'days.day_end_at') }}
    group by days.observation_date
),

final as (
    {{ metric_rows('bad_debt_accounts') }}
)

select * from final
