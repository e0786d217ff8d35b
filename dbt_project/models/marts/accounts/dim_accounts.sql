-- Grain: one row an account that any store of the platform knows (account_id).
{{ config(materialized='table') }}

with

engine_accounts as (

    select * from {{ ref('stg_engine__accounts') }}

),

core_accounts as (

    select * from {{ ref('stg_core__accounts') }}

),

stripe_links as (

    select * from {{ ref('int_accounts__stripe_links') }}

),

stripe_customers as (

    select * from {{ ref('stg_stripe__customers') }}

),

payment_profiles as (

    select * from {{ ref('int_accounts__payment_profiles') }}

),

dunning_states as (

    select * from {{ ref('stg_engine__dunning_states') }}

),

known as (

    select account_id from engine_accounts
    union distinct
    select account_id from core_accounts
    union distinct
    select account_id from stripe_links

),

unified as (

    select
        known.account_id,
        stripe_links.stripe_customer_id,
        engine_accounts.account_id is not null as is_in_engine,
        core_accounts.account_id is not null as is_in_core,
        stripe_customers.customer_id is not null as is_in_stripe,
        coalesce(stripe_links.customer_rows, 0) as customer_rows,
        coalesce(stripe_links.is_merged, false) as is_merged,
        engine_accounts.account_type as engine_account_type,
        coalesce(nullif(stripe_customers.account_type, ''), engine_accounts.account_type)
            as account_type,
        engine_accounts.flags,
        coalesce({{ is_bad_debt_flagged('engine_accounts.flags') }}, false) as is_bad_debt_flagged,
        stripe_links.customer_bad_debt_at,
        coalesce(stripe_customers.bad_debt = 'true', false) as is_bad_debt_in_stripe,
        {{ safe_cast_as("nullif(stripe_customers.lifting, '')", 'timestamp') }} as lifting_set_at,
        coalesce(stripe_customers.lifting, '') <> '' as is_lifting,
        engine_accounts.country,
        coalesce(engine_accounts.currency, stripe_customers.currency) as currency,
        core_accounts.status as core_status,
        coalesce(payment_profiles.payment_methods, 0) as payment_methods,
        coalesce(payment_profiles.has_paypal, false) as has_paypal,
        payment_profiles.payment_method_types,
        dunning_states.retry_count as dunning_retry_count,
        dunning_states.escalation_level as dunning_escalation_level,
        dunning_states.next_retry_at as dunning_next_retry_at,
        coalesce(engine_accounts.created_at, core_accounts.created_at) as created_at,
    from known
    left join engine_accounts on known.account_id = engine_accounts.account_id
    left join core_accounts on known.account_id = core_accounts.account_id
    left join stripe_links on known.account_id = stripe_links.account_id
    left join stripe_customers on stripe_links.stripe_customer_id = stripe_customers.customer_id
    left join payment_profiles
        on stripe_links.stripe_customer_id = payment_profiles.stripe_customer_id
    left join dunning_states on known.account_id = dunning_states.account_id

)

select
    *,
    coalesce({{ is_unsupported_account_type('account_type') }}, false) as is_unsupported_type,
    coalesce({{ is_unsupported_account_type('engine_account_type') }}, false)
        as is_unsupported_engine_type,
    case when is_bad_debt_flagged then '1' else '0' end
    || case when customer_bad_debt_at is not null then '1' else '0' end
    || case when is_bad_debt_in_stripe then '1' else '0' end as bad_debt_combination,
from unified
