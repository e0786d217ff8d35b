-- grain: one row an account, product service and interval in which access and billing disagree
{{ config(materialized='table') }}
-- Billing's expectation is formed a component: the best over the account's OPEs of it. Every
-- service of the component is then held against the account's entitlement.
with component_services as (
    select * from {{ ref('component_services') }}
),

opes as (
    select
        account_id,
        component,
        kind,
        value_now,
        state,
        is_live_billed,
        subscription_id,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('int_ope__state_history') }}
    where component in (select component_services.component from component_services)
),

subscriptions as (
    select
        subscription_id,
        status,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('stg_stripe__subscriptions_history') }}
),

accounts as (
    select
        account_id,
        {{ is_bad_debt_flagged('flags') }} as is_flagged,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('stg_engine__accounts_history') }}
),

entitlements as (
    select
        history.entitlement_id,
        history.account_id,
        history.service,
        component_services.component,
        history.state,
        history.valid_from,
        history.valid_to,
        history.is_deleted,
    from {{ ref('stg_core__entitlements_history') }} as history
    inner join component_services on history.service = component_services.service
),

account_components as (
    select
        account_id,
        component,
    from opes
    union distinct
    select
        account_id,
        component,
    from entitlements
),

ope_subscriptions as (
    select distinct
        account_id,
        component,
        subscription_id,
    from opes
    where subscription_id is not null
),

-- a deletion may carry the key alone, so the end of a version is a point as well as its beginning
points as (
    select
        account_id,
        component,
        valid_from as state_from,
    from opes
    union distinct
    select
        account_id,
        component,
        valid_to,
    from opes
    where valid_to is not null
    union distinct
    select
        account_id,
        component,
        valid_from,
    from entitlements
    union distinct
    select
        account_id,
        component,
        valid_to,
    from entitlements
    where valid_to is not null
    union distinct
    select
        ope_subscriptions.account_id,
        ope_subscriptions.component,
        subscriptions.valid_from,
    from ope_subscriptions
    inner join subscriptions on ope_subscriptions.subscription_id = subscriptions.subscription_id
    union distinct
    select
        account_components.account_id,
        account_components.component,
        accounts.valid_from,
    from account_components
    inner join accounts on account_components.account_id = accounts.account_id
),

intervals as (
    select
        account_id,
        component,
        state_from,
        coalesce(
            lead(state_from) over (partition by account_id, component order by state_from),
            {{ end_of_time() }}
        ) as state_to,
    from points
),

flagged_intervals as (
    select
        intervals.account_id,
        intervals.component,
        intervals.state_from,
        intervals.state_to,
        coalesce(accounts.is_flagged, false) as is_flagged,
    from intervals
    left join accounts
        on
            intervals.account_id = accounts.account_id
            and {{ is_valid_at('accounts', 'intervals.state_from') }}
            and not accounts.is_deleted
),

-- 2 granted, 1 held, 0 none
ope_expectations as (
    select
        flagged_intervals.account_id,
        flagged_intervals.component,
        flagged_intervals.state_from,
        opes.state,
        {{ expected_access_rank('opes', 'flagged_intervals.is_flagged', 'subscriptions.status') }}
            as expected_rank,
    from flagged_intervals
    inner join opes
        on
            flagged_intervals.account_id = opes.account_id
            and flagged_intervals.component = opes.component
            and {{ is_valid_at('opes', 'flagged_intervals.state_from') }}
    left join subscriptions
        on
            opes.subscription_id = subscriptions.subscription_id
            and {{ is_valid_at('subscriptions', 'flagged_intervals.state_from') }}
            and not subscriptions.is_deleted
    where not opes.is_deleted and opes.state <> 'cancelled'
),

expectations as (
    select
        account_id,
        component,
        state_from,
        max(expected_rank) as expected_rank,
        max(case when state in ('in_flight', 'malformed') then 1 else 0 end) as is_in_flight,
    from ope_expectations
    group by account_id, component, state_from
),

compared as (
    select
        flagged_intervals.account_id,
        component_services.service,
        flagged_intervals.state_from as valid_from,
        flagged_intervals.state_to as valid_to,
        flagged_intervals.is_flagged,
        coalesce(expectations.expected_rank, 0) as expected_rank,
        coalesce(expectations.is_in_flight, 0) = 1 as is_in_flight,
        max(case when entitlements.state = 'GRANTED' then 1 else 0 end) = 1 as is_granted,
    from flagged_intervals
    inner join component_services on flagged_intervals.component = component_services.component
    left join expectations
        on
            flagged_intervals.account_id = expectations.account_id
            and flagged_intervals.component = expectations.component
            and flagged_intervals.state_from = expectations.state_from
    left join entitlements
        on
            flagged_intervals.account_id = entitlements.account_id
            and component_services.service = entitlements.service
            and {{ is_valid_at('entitlements', 'flagged_intervals.state_from') }}
            and not entitlements.is_deleted
    group by 1, 2, 3, 4, 5, 6, 7
),

judged as (
    select
        *,
        {{ access_drift_kind('expected_rank', 'is_granted', 'is_flagged') }} as would_be_kind,
    from compared
),

final as (
    select
        account_id || ':' || service as entity_id,
        account_id,
        service,
        would_be_kind,
        is_in_flight,
        valid_from,
        valid_to,
    from judged
    where would_be_kind is not null
)

select * from final
