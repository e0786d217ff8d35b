-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'bad_debt_exits_per_day'
),

accounts as (
    select * from {{ ref('stg_engine__accounts_history') }}
    where not is_deleted
),

flagged as (
    select * from accounts
    where {{ is_bad_debt_flagged('flags') }}
),

unflagged as (
    select * from accounts
    where not {{ is_bad_debt_flagged('flags') }}
),

-- an account that vanishes with its flag set is no exit
counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join flagged as at_start on {{ is_valid_at('at_start', 'days.day_start_at') }}
    inner join unflagged as at_end
        on
            at_start.account_id = at_end.account_id
            and {{ is_valid_at('at_end', 'days.day_end_at') }}
    group by days.observation_date
),

final as (
    {{ metric_rows('bad_debt_exits_per_day') }}
)

select * from final
