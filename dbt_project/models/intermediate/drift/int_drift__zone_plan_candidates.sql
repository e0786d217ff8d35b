-- grain: one row a day and zone with a verdict of the zone-plan detector, excluded ones included
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'zone_plan'
),

zone_states as (
    select * from {{ ref('int_drift__zone_plan_states') }}
    where would_be_kind is not null
),

merged_accounts as (
    select * from {{ ref('int_drift__merged_accounts') }}
),

account_keys as (
    select distinct account_id
    from zone_states
),

all_engine_accounts as (
    {{ history_of('engine.subs_account', 'account_id', 'account_keys', ['account_type']) }}
),

engine_accounts as (
    select * from all_engine_accounts
    where not is_deleted
),

-- how far each side was known at the end of the day
horizons as (
    select
        observation_date,
        min(case when stream = 'engine.subs_object_products_element' then described_at end) as engine_as_of,
        min(case when stream = 'core.zones' then described_at end) as core_as_of,
    from {{ ref('int_time__stream_days') }}
    group by observation_date
),

zone_days as (
    select
        days.observation_date,
        days.day_number,
        days.day_end_at,
        zone_states.zone_id,
        zone_states.account_id,
        zone_states.would_be_kind,
        zone_states.is_malformed,
        zone_states.is_in_flight
        or coalesce(zone_states.zone_changed_at > horizons.engine_as_of, false)
        or coalesce(zone_states.ope_changed_at > horizons.core_as_of, false) as is_in_flight,
    from zone_states
    inner join days
        on
            zone_states.valid_from <= days.day_end_at
            and days.day_end_at < zone_states.valid_to
    inner join horizons on days.observation_date = horizons.observation_date
),

merged_days as (
    select distinct
        zone_days.observation_date,
        zone_days.zone_id,
    from zone_days
    inner join merged_accounts
        on
            zone_days.account_id = merged_accounts.account_id
            and {{ is_valid_at('merged_accounts', 'zone_days.day_end_at') }}
),

final as (
    select
        'zone_plan' as detector,
        zone_days.observation_date,
        zone_days.day_number,
        zone_days.zone_id as entity_id,
        zone_days.account_id,
        zone_days.would_be_kind as kind,
        case
            when {{ is_unsupported_account_type('engine_accounts.account_type') }}
                then 'unsupported_account_type'
            when merged_days.zone_id is not null then 'merged_account'
            when zone_days.is_in_flight then 'in_flight'
            when zone_days.is_malformed then 'malformed_ope'
        end as exclusion_reason,
        cast(null as bigint) as amount_minor,
        cast(null as string) as currency,
        cast(null as date) as known_since,
    from zone_days
    left join engine_accounts
        on
            zone_days.account_id = engine_accounts.account_id
            and {{ is_valid_at('engine_accounts', 'zone_days.day_end_at') }}
    left join merged_days
        on
            zone_days.observation_date = merged_days.observation_date
            and zone_days.zone_id = merged_days.zone_id
)

select * from final
