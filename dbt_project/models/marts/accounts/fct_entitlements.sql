-- Grain: one row an account and product service (account_id, service) that billing expects or core holds, as
-- last read. The rule is the detector's own; the detector judges ends of days, this judges now.
{{ config(materialized='table') }}
with

component_services as (

    select * from {{ ref('component_services') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

subscriptions as (

    select * from {{ ref('stg_stripe__subscriptions') }}

),

opes as (

    select * from {{ ref('int_engine__ope_states') }}
    where state <> 'cancelled'

),

expected as (

    select
        opes.account_id,
        opes.component,
        max({{ expected_access_rank(
            'opes', 'coalesce(accounts.is_bad_debt_flagged, false)', 'subscriptions.status'
        ) }}) as expected_rank,
        max(case when opes.state in ('in_flight', 'malformed') then 1 else 0 end) as is_unsure,
    from opes
    left join accounts on opes.account_id = accounts.account_id
    left join subscriptions on opes.subscription_id = subscriptions.subscription_id
    where opes.account_id is not null
    group by opes.account_id, opes.component

),

expected_services as (

    select
        expected.account_id,
        component_services.service,
        expected.expected_rank,
        expected.is_unsure,
    from expected
    inner join component_services on expected.component = component_services.component

),

entitlements as (

    select
        account_id,
        service,
        max(case state when 'GRANTED' then 2 when 'HELD' then 1 else 0 end) as actual_rank,
        count(*) as entitlements,
    from {{ ref('stg_core__entitlements') }}
    group by account_id, service

),

joined as (

    select
        coalesce(expected_services.account_id, entitlements.account_id) as account_id,
        coalesce(expected_services.service, entitlements.service) as service,
        coalesce(expected_services.expected_rank, 0) as expected_rank,
        coalesce(entitlements.actual_rank, 0) as actual_rank,
        coalesce(expected_services.is_unsure, 0) = 1 as is_unsure,
        coalesce(entitlements.entitlements, 0) as entitlements,
    from expected_services
    full outer join entitlements
        on
            expected_services.account_id = entitlements.account_id
            and expected_services.service = entitlements.service

)

select
    joined.account_id,
    joined.service,
    component_services.component,
    case joined.expected_rank when 2 then 'GRANTED' when 1 then 'HELD' else 'NONE' end
        as expected_state,
    case joined.actual_rank when 2 then 'GRANTED' when 1 then 'HELD' else 'NONE' end
        as actual_state,
    {{ access_drift_kind(
        'joined.expected_rank', 'joined.actual_rank = 2',
        'coalesce(accounts.is_bad_debt_flagged, false)',
    ) }} as drift_kind,
    joined.is_unsure,
    coalesce(accounts.is_merged, false) as is_merged_account,
    joined.entitlements,
from joined
left join component_services on joined.service = component_services.service
left join accounts on joined.account_id = accounts.account_id
