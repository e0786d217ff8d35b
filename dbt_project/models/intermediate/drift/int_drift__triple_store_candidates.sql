-- grain: one row a day and account whose three bad-debt marks disagree, merged ones as excluded
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'triple_store'
),

account_states as (
    select * from {{ ref('int_drift__triple_store_states') }}
    where not is_lifting and combination not in ('000', '111')
),

merged_accounts as (
    select * from {{ ref('int_drift__merged_accounts') }}
),

account_days as (
    select
        days.observation_date,
        days.day_number,
        days.day_end_at,
        account_states.account_id,
        account_states.combination,
    from account_states
    inner join days
        on
            account_states.valid_from <= days.day_end_at
            and days.day_end_at < account_states.valid_to
),

merged_days as (
    select distinct
        account_days.observation_date,
        account_days.account_id,
    from account_days
    inner join merged_accounts
        on
            account_days.account_id = merged_accounts.account_id
            and {{ is_valid_at('merged_accounts', 'account_days.day_end_at') }}
),

final as (
    select
        'triple_store' as detector,
        account_days.observation_date,
        account_days.day_number,
        account_days.account_id as entity_id,
        account_days.account_id,
        account_days.combination as kind,
        case when merged_days.account_id is not null then 'merged_account' end as exclusion_reason,
        cast(null as bigint) as amount_minor,
        cast(null as string) as currency,
        cast(null as date) as known_since,
    from account_days
    left join merged_days
        on
            account_days.observation_date = merged_days.observation_date
            and account_days.account_id = merged_days.account_id
)

select * from final
