-- grain: one row a Stripe subscription item at the end of the Stripe detector's last complete day
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'stripe' and is_last_day
),

item_states as (
    select * from {{ ref('int_drift__stripe_item_states') }}
),

items as (
    select * from {{ ref('stg_stripe__subscription_items_history') }}
    where
        not is_deleted
        and subscription_item_id not in (select item_states.subscription_item_id from item_states)
),

subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions_history') }}
    where not is_deleted
),

opes as (
    select * from {{ ref('int_ope__state_history') }}
    where is_live_billed
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

-- items that are no rows of the states agree with the OPE that names them, and never changed
settled_items as (
    select
        items.subscription_item_id,
        items.subscription_id,
        min(subscriptions.customer_id) as customer_id,
        min(opes.ope_id) as ope_id,
        min(subscriptions.status) as subscription_status,
        'expected_in_stripe' as line_item_class,
    from items
    inner join days on {{ is_valid_at('items', 'days.day_end_at') }}
    inner join subscriptions
        on
            items.subscription_id = subscriptions.subscription_id
            and {{ is_valid_at('subscriptions', 'days.day_end_at') }}
    inner join opes
        on
            items.subscription_item_id = opes.subscription_item_id
            and items.subscription_id = opes.subscription_id
            and {{ is_valid_at('opes', 'days.day_end_at') }}
    group by items.subscription_item_id, items.subscription_id
),

day_items as (
    select
        item_states.subscription_item_id,
        item_states.subscription_id,
        item_states.customer_id,
        item_states.ope_id,
        item_states.subscription_status,
        item_states.line_item_class,
    from item_states
    inner join days
        on
            item_states.valid_from <= days.day_end_at
            and days.day_end_at < item_states.valid_to
    where item_states.is_candidate
    union all
    select * from settled_items
),

final as (
    select
        day_items.subscription_item_id,
        day_items.subscription_id,
        day_items.customer_id,
        customer_accounts.account_id,
        day_items.ope_id,
        day_items.subscription_status,
        case
            when day_items.line_item_class = 'bad_debt_item' then day_items.line_item_class
            when
                coalesce(nullif(stripe_customers.account_type, ''), engine_accounts.account_type)
                = 'ad_hoc_contract'
                then 'contract'
            else day_items.line_item_class
        end as line_item_class,
        days.observation_date as value_date,
    from day_items
    cross join days
    left join stripe_customers
        on
            day_items.customer_id = stripe_customers.customer_id
            and {{ is_valid_at('stripe_customers', 'days.day_end_at') }}
    left join customer_accounts on day_items.customer_id = customer_accounts.stripe_customer_id
    left join engine_accounts
        on
            customer_accounts.account_id = engine_accounts.account_id
            and {{ is_valid_at('engine_accounts', 'days.day_end_at') }}
)

select * from final
