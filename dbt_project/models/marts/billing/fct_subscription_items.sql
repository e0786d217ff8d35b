-- Grain: one row a Stripe subscription item (subscription_item_id), with the OPE that names it.
with

items as (

    select * from {{ ref('stg_stripe__subscription_items') }}

),

subscriptions as (

    select * from {{ ref('fct_subscriptions') }}

),

naming_opes as (

    -- Of several that name the item, one that is alive before one that is cancelled.
    select * from {{ ref('int_engine__ope_states') }}
    where subscription_item_id is not null
    qualify
        row_number() over (
            partition by subscription_id, subscription_item_id
            order by
                case when deleted_date is null then 0 else 1 end,
                updated_at desc,
                ope_id
        ) = 1

)

select
    items.subscription_item_id,
    items.subscription_id,
    subscriptions.account_id,
    subscriptions.stripe_customer_id,
    subscriptions.status as subscription_status,
    naming_opes.ope_id,
    naming_opes.component,
    naming_opes.state as ope_state,
    items.price_id,
    items.product_id,
    items.unit_amount,
    items.currency,
    items.recurring_interval,
    items.usage_type,
    items.quantity,
    coalesce(items.bad_debt_item = 'true', false) as is_bad_debt_item,
    items.current_period_start_at,
    items.current_period_end_at,
    items.created_at,
from items
left join subscriptions on items.subscription_id = subscriptions.subscription_id
left join naming_opes
    on
        items.subscription_id = naming_opes.subscription_id
        and items.subscription_item_id = naming_opes.subscription_item_id
