-- Grain: one row a Stripe subscription that has items (subscription_id).
with

items as (

    select * from {{ ref('stg_stripe__subscription_items') }}

),

subscriptions as (

    select * from {{ ref('fct_subscriptions') }}

),

horizons as (

    select max(last_as_of) as last_as_of from {{ ref('int_time__stream_horizons') }}
    where stream = 'stripe.subscription_items'

),

clocks as (

    select
        subscription_id,
        count(*) as items,
        min(current_period_start_at) as period_start_at,
        min(current_period_end_at) as period_end_at,
        count(distinct current_period_end_at) as period_ends,
        min(recurring_interval) as recurring_interval,
    from items
    group by subscription_id

)

select
    clocks.subscription_id,
    subscriptions.account_id,
    subscriptions.status,
    clocks.recurring_interval,
    clocks.items,
    clocks.period_start_at,
    clocks.period_end_at,
    clocks.period_ends > 1 as has_split_clock,
    coalesce(
        subscriptions.status in ('active', 'trialing', 'past_due')
        and clocks.period_end_at < horizons.last_as_of,
        false
    ) as is_behind,
    {{ hours_between('horizons.last_as_of', 'clocks.period_end_at') }} as hours_to_invoice,
from clocks
left join subscriptions on clocks.subscription_id = subscriptions.subscription_id
cross join horizons
