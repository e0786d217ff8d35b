-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'bad_debt_accounts'
),

flagged as (
    select * from {{ ref('stg_engine__accounts_history') }}
    where not is_deleted and {{ is_bad_debt_flagged('flags') }}
),

stripe_types as (
    select * from {{ ref('stg_stripe__customers_history') }}
    where not is_deleted and coalesce(account_type, '') <> ''
),

counted as (
    select
        days.observation_date,
        count(*) as value,
    from days
    inner join flagged on {{ is_valid_at('flagged', 'days.day_end_at') }}
    group by days.observation_date
),

-- the type that Stripe holds for the account wins over the engine's, as known at the day's end
typed as (
    select
        days.observation_date,
        flagged.account_id,
        coalesce(max(stripe_types.account_type), max(flagged.account_type), 'unknown') as part,
    from days
    inner join flagged on {{ is_valid_at('flagged', 'days.day_end_at') }}
    left join stripe_types
        on
            flagged.account_id = stripe_types.account_id
            and {{ is_valid_at('stripe_types', 'days.day_end_at') }}
    group by days.observation_date, flagged.account_id
),

parts as (
    select
        observation_date,
        part,
        count(*) as value,
    from typed
    group by observation_date, part
),

final as (
    {{ metric_rows('bad_debt_accounts', dimension='account_type') }}
)

select * from final
