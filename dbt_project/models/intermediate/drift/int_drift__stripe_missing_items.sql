-- grain: one row an OPE that Stripe should bill and interval in which the item it names is absent
{{ config(
    materialized='kept',
    worklist='int_drift__stripe_worklist',
    entity_kind='ope',
    entity_key='ope_id',
) }}
with worklist as (
    select * from {{ ref('int_drift__stripe_worklist') }}
    where entity_kind = 'ope'
),

items as (
    select * from {{ ref('int_drift__stripe_followed_items') }}
),

subscriptions as (
    select * from {{ ref('int_drift__stripe_followed_subscriptions') }}
),

opes as (
    select * from {{ ref('int_drift__stripe_followed_opes') }}
    where
        ope_id in (select worklist.entity_id from worklist)
        and not is_deleted
        and subscription_item_id is not null
        -- a workflow holds the verdict back and does not make the item less absent
        and (is_live_billed or state = 'in_flight')
),

-- moments at which the item or its subscription may have come or gone
stripe_points as (
    select
        opes.ope_id,
        opes.valid_from as ope_valid_from,
        items.valid_from as state_from,
    from opes
    inner join items on opes.subscription_item_id = items.subscription_item_id
    union distinct
    select
        opes.ope_id,
        opes.valid_from,
        subscriptions.valid_from,
    from opes
    inner join subscriptions on opes.subscription_id = subscriptions.subscription_id
),

points as (
    select
        ope_id,
        valid_from as ope_valid_from,
        valid_from as state_from,
    from opes
    union distinct
    select
        opes.ope_id,
        opes.valid_from,
        stripe_points.state_from,
    from stripe_points
    inner join opes
        on
            stripe_points.ope_id = opes.ope_id
            and stripe_points.ope_valid_from = opes.valid_from
    where
        stripe_points.state_from > opes.valid_from
        and stripe_points.state_from < coalesce(opes.valid_to, {{ end_of_time() }})
),

intervals as (
    select
        ope_id,
        ope_valid_from,
        state_from,
        lead(state_from) over (
            partition by ope_id, ope_valid_from order by state_from
        ) as next_state_from,
    from points
),

final as (
    select
        opes.ope_id,
        opes.account_id,
        opes.subscription_id,
        opes.subscription_item_id,
        opes.component,
        opes.kind as ope_kind,
        opes.value_now,
        opes.updated_at as ope_updated_at,
        opes.state = 'in_flight' as is_in_flight,
        -- when the item, or its subscription, was seen to be gone
        greatest(
            coalesce(items.valid_from, subscriptions.valid_from),
            coalesce(subscriptions.valid_from, items.valid_from)
        ) as stripe_seen_at,
        intervals.state_from as valid_from,
        coalesce(intervals.next_state_from, opes.valid_to, {{ end_of_time() }}) as valid_to,
    from intervals
    inner join opes
        on
            intervals.ope_id = opes.ope_id
            and intervals.ope_valid_from = opes.valid_from
    -- a deletion may carry the key alone
    left join items
        on
            opes.subscription_item_id = items.subscription_item_id
            and {{ is_valid_at('items', 'intervals.state_from') }}
    left join subscriptions
        on
            opes.subscription_id = subscriptions.subscription_id
            and {{ is_valid_at('subscriptions', 'intervals.state_from') }}
    where
        coalesce(items.is_deleted, true)
        or coalesce(subscriptions.is_deleted, true)
        or items.subscription_id is distinct from opes.subscription_id
)

select * from final
