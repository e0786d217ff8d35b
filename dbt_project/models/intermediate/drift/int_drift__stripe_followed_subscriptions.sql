-- grain: one row a committed version of a subscription that the Stripe detector needs in this run
{{ config(materialized='table') }}
-- Those of the items of this run, and all that an OPE of it names.
with opes as (
    select * from {{ ref('int_drift__stripe_followed_opes') }}
),

items as (
    select * from {{ ref('int_drift__stripe_followed_items') }}
),

keys as (
    select subscription_id
    from opes
    where subscription_id is not null
    union distinct
    select subscription_id
    from items
    where subscription_id is not null
),

final as (
    {{ history_of('stripe.subscriptions', 'subscription_id', 'keys', ['customer_id', 'status']) }}
)

select * from final
