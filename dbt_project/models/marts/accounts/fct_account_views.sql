-- Grain: one row an account (account_id): what the facade shows its owner beside what the engine bills.
with

accounts as (

    select * from {{ ref('dim_accounts') }}

),

zones as (

    select
        account_id,
        count(*) as paid_zones,
        max({{ plan_rank('plan_level') }}) as best_rank,
    from {{ ref('stg_core__zones') }}
    where status = 'active' and {{ plan_rank('plan_level') }} > 0
    group by account_id

),

plans as (

    select
        account_id,
        count(distinct object_id) as paid_zones,
        max(rank_now) as best_rank,
    from {{ ref('int_engine__ope_states') }}
    where
        component = 'zone_plan'
        and state not in ('cancelled', 'malformed', 'pending', 'in_flight')
        and rank_now > 0
    group by account_id

),

services as (

    select
        account_id,
        count(case when actual_state = 'GRANTED' then 1 end) as granted_services,
        count(case when expected_state = 'GRANTED' then 1 end) as expected_services,
        count(case when drift_kind is not null then 1 end) as differing_services,
    from {{ ref('fct_entitlements') }}
    group by account_id

)

select
    accounts.account_id,
    accounts.account_type,
    accounts.core_status as facade_status,
    accounts.is_bad_debt_flagged as is_engine_flagged,
    case
        when not accounts.is_in_core then 'unknown_to_facade'
        when not accounts.is_in_engine then 'unknown_to_engine'
        when accounts.is_bad_debt_flagged and accounts.core_status = 'active' then 'debtor_not_banned'
        when not accounts.is_bad_debt_flagged and accounts.core_status = 'banned'
            then 'banned_without_debt'
    end as status_difference,
    coalesce(zones.paid_zones, 0) as facade_paid_zones,
    coalesce(plans.paid_zones, 0) as engine_paid_zones,
    cast(coalesce(zones.best_rank, 0) as bigint) as facade_best_rank,
    cast(coalesce(plans.best_rank, 0) as bigint) as engine_best_rank,
    coalesce(services.granted_services, 0) as granted_services,
    coalesce(services.expected_services, 0) as expected_services,
    coalesce(services.differing_services, 0) as differing_services,
from accounts
left join zones on accounts.account_id = zones.account_id
left join plans on accounts.account_id = plans.account_id
left join services on accounts.account_id = services.account_id
