-- grain: one row an item of a subscription that an OPE names whose own item is absent
{{ config(materialized='table') }}
-- They say when, how often and in what currency the subscription is invoiced. A table of their keys,
-- so that their number is known when their histories are read.
with missing_items as (
    select * from {{ ref('int_drift__stripe_missing_items') }}
),

final as (
    {{ keys_with(
        'stripe.subscription_items', 'subscription_item_id', 'subscription_id', 'missing_items'
    ) }}
)

select * from final
