-- grain: one row a Stripe subscription item at the end of the Stripe detector's last complete day
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'stripe' and is_last_day
),

item_states as (
    select * from {{ ref('int_drift__stripe_item_states') }}
    where is_candidate
),

stripe_customers as (
    select * from {{ ref('stg_stripe__customers_history') }}
    where not is_deleted
),

engine_customers as (
    select * from {{ ref('stg_engine__customers_history') }}
    where not is_deleted and stripe_customer_id is not null
),

engine_accounts as (
    select * from {{ ref('stg_engine__accounts_history') }}
    where not is_deleted
),

customer_accounts as (
    select
        engine_customers.stripe_customer_id,
        min(engine_customers.account_id) as account_id,
    from engine_customers
    inner join days on {{ is_valid_at('engine_customers', 'days.day_end_at') }}
    group by engine_customers.stripe_customer_id
),

final as (
    select
        item_states.subscription_item_id,
        item_states.subscription_id,
        item_states.customer_id,
        customer_accounts.account_id,
        item_states.ope_id,
        item_states.subscription_status,
        case
            when item_states.line_item_class = 'bad_debt_item' then item_states.line_item_class
            when
                coalesce(nullif(stripe_customers.account_type, ''), engine_accounts.account_type)
                = 'ad_hoc_contract'
                then 'contract'
            else item_states.line_item_class
        end as line_item_class,
        days.observation_date as value_date,
    from item_states
    inner join days
        on
            item_states.valid_from <= days.day_end_at
            and days.day_end_at < item_states.valid_to
    left join stripe_customers
        on
            item_states.customer_id = stripe_customers.customer_id
            and {{ is_valid_at('stripe_customers', 'days.day_end_at') }}
    left join customer_accounts on item_states.customer_id = customer_accounts.stripe_customer_id
    left join engine_accounts
        on
            customer_accounts.account_id = engine_accounts.account_id
            and {{ is_valid_at('engine_accounts', 'days.day_end_at') }}
)

select * from final
