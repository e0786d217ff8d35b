-- grain: one row an account with a Stripe customer, not merged, at the end of the last complete day
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'triple_store' and is_last_day
),

account_states as (
    select * from {{ ref('int_drift__triple_store_states') }}
),

merged_accounts as (
    select * from {{ ref('int_drift__merged_accounts') }}
),

merged_now as (
    select distinct merged_accounts.account_id
    from merged_accounts
    inner join days on {{ is_valid_at('merged_accounts', 'days.day_end_at') }}
),

final as (
    select
        account_states.account_id,
        account_states.customer_id,
        account_states.combination,
        account_states.is_lifting,
        days.observation_date as value_date,
    from account_states
    inner join days
        on
            account_states.valid_from <= days.day_end_at
            and days.day_end_at < account_states.valid_to
    left join merged_now on account_states.account_id = merged_now.account_id
    where merged_now.account_id is null
)

select * from final
