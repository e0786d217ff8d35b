-- Every item of a living subscription, as known at the end of the detector's last complete day,
-- stands once among the classed ones.
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'stripe' and is_last_day
),

items as (
    select * from {{ ref('stg_stripe__subscription_items_history') }}
    where not is_deleted
),

subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions_history') }}
    where not is_deleted and status not in ('canceled', 'incomplete_expired')
),

classed as (
    select * from {{ ref('fct_stripe_line_items') }}
)

select
    items.subscription_item_id,
    count(classed.line_item_class) as classes,
from days
inner join items on {{ is_valid_at('items', 'days.day_end_at') }}
inner join subscriptions
    on
        items.subscription_id = subscriptions.subscription_id
        and {{ is_valid_at('subscriptions', 'days.day_end_at') }}
left join classed on items.subscription_item_id = classed.subscription_item_id
group by items.subscription_item_id
having count(classed.line_item_class) <> 1
