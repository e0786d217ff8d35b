-- grain: one row a day, account and service whose access differs from billing, excluded ones included
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'entitlement'
),

access_states as (
    select * from {{ ref('int_drift__entitlement_states') }}
),

merged_accounts as (
    select * from {{ ref('int_drift__merged_accounts') }}
),

access_days as (
    select
        days.observation_date,
        days.day_number,
        days.day_end_at,
        access_states.entity_id,
        access_states.account_id,
        access_states.would_be_kind,
        access_states.is_in_flight,
    from access_states
    inner join days
        on
            access_states.valid_from <= days.day_end_at
            and days.day_end_at < access_states.valid_to
),

merged_days as (
    select distinct
        access_days.observation_date,
        access_days.account_id,
    from access_days
    inner join merged_accounts
        on
            access_days.account_id = merged_accounts.account_id
            and {{ is_valid_at('merged_accounts', 'access_days.day_end_at') }}
),

final as (
    select
        'entitlement' as detector,
        access_days.observation_date,
        access_days.day_number,
        access_days.entity_id,
        access_days.account_id,
        access_days.would_be_kind as kind,
        case
            when merged_days.account_id is not null then 'merged_account'
            when access_days.is_in_flight then 'in_flight'
        end as exclusion_reason,
        cast(null as bigint) as amount_minor,
        cast(null as string) as currency,
        cast(null as date) as known_since,
    from access_days
    left join merged_days
        on
            access_days.observation_date = merged_days.observation_date
            and access_days.account_id = merged_days.account_id
)

select * from final
