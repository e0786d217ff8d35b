-- grain: one row a Stripe item that is not settled and interval between changes of what it is judged by
{{ config(
    materialized='kept',
    worklist='int_drift__stripe_worklist',
    entity_kind='item',
    entity_key='subscription_item_id',
) }}
-- A point is a moment at which the item, its subscription, an OPE that ever named it, or the price
-- list changed. Every side is looked up at the point, so the verdict holds until the next one.
-- Items that agree and never changed are no rows here: int_drift__stripe_worklist leaves them out.
{% set dead_subscriptions = "('canceled', 'incomplete_expired')" %}
with worklist as (
    select * from {{ ref('int_drift__stripe_worklist') }}
    where entity_kind = 'item'
),

subscriptions as (
    select * from {{ ref('int_drift__stripe_followed_subscriptions') }}
),

opes as (
    select * from {{ ref('int_drift__stripe_followed_opes') }}
),

items as (
    select
        subscription_item_id,
        subscription_id,
        price_id,
        coalesce(unit_amount, cast(unit_amount_minor as {{ numeric_type() }})) as unit_amount,
        lower(currency) as currency,
        recurring_interval,
        quantity,
        bad_debt_item,
        current_period_end_at,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('int_drift__stripe_followed_items') }}
    where subscription_item_id in (select worklist.entity_id from worklist)
),

prices as (
    select
        catalog_price_id,
        component,
        value,
        period,
        lower(currency) as currency,
        stripe_price_id,
        unit_amount,
        valid_from,
        valid_to,
        is_deleted or not coalesce(is_active, false) as is_withdrawn,
    from {{ ref('stg_engine__catalog_prices_history') }}
),

item_keys as (
    select distinct
        subscription_item_id,
        subscription_id,
    from items
    where subscription_id is not null
),

-- every OPE that in any version named the item, and since when
named as (
    select
        subscription_item_id,
        subscription_id,
        ope_id,
        min(component) as component,
        min(valid_from) as named_from,
    from opes
    where subscription_item_id is not null
    group by subscription_item_id, subscription_id, ope_id
),

price_changes as (
    select distinct
        component,
        valid_from,
    from prices
    where valid_from > (select min(first_price.valid_from) from prices as first_price)
),

points as (
    select
        subscription_item_id,
        valid_from as state_from,
    from items
    union distinct
    select
        item_keys.subscription_item_id,
        subscriptions.valid_from,
    from item_keys
    inner join subscriptions on item_keys.subscription_id = subscriptions.subscription_id
    union distinct
    select
        named.subscription_item_id,
        opes.valid_from,
    from named
    inner join opes on named.ope_id = opes.ope_id
    union distinct
    select
        named.subscription_item_id,
        price_changes.valid_from,
    from named
    inner join price_changes on named.component = price_changes.component
),

intervals as (
    select
        subscription_item_id,
        state_from,
        coalesce(
            lead(state_from) over (partition by subscription_item_id order by state_from),
            {{ end_of_time() }}
        ) as state_to,
    from points
),

item_states as (
    select
        intervals.subscription_item_id,
        intervals.state_from,
        intervals.state_to,
        items.subscription_id,
        items.price_id,
        items.unit_amount,
        items.currency,
        items.recurring_interval,
        items.quantity,
        items.bad_debt_item,
        items.current_period_end_at,
        items.valid_from as item_seen_at,
        subscriptions.valid_from as subscription_seen_at,
        subscriptions.customer_id,
        subscriptions.status as subscription_status,
    from intervals
    inner join items
        on
            intervals.subscription_item_id = items.subscription_item_id
            and {{ is_valid_at('items', 'intervals.state_from') }}
            and not items.is_deleted
    left join subscriptions
        on
            items.subscription_id = subscriptions.subscription_id
            and {{ is_valid_at('subscriptions', 'intervals.state_from') }}
            and not subscriptions.is_deleted
),

namings as (
    select
        item_states.subscription_item_id,
        item_states.state_from,
        item_states.price_id,
        opes.ope_id,
        opes.component,
        opes.kind,
        opes.value_now,
        opes.state,
        opes.updated_at as ope_updated_at,
        coalesce(opes.is_live_billed, false) as is_live_billed,
        coalesce(
            not opes.is_deleted
            and opes.subscription_item_id = item_states.subscription_item_id
            and opes.subscription_id = item_states.subscription_id,
            false
        ) as is_named_now,
        opes.is_deleted as is_ope_deleted,
        prices.catalog_price_id,
        prices.stripe_price_id as expected_price_id,
        prices.unit_amount as expected_unit_amount,
    from item_states
    inner join named
        on
            item_states.subscription_item_id = named.subscription_item_id
            and item_states.subscription_id = named.subscription_id
            and named.named_from <= item_states.state_from
    inner join opes
        on
            named.ope_id = opes.ope_id
            and {{ is_valid_at('opes', 'item_states.state_from') }}
    left join prices
        on
            opes.component = prices.component
            and {{ ope_catalogue_value('opes.kind', 'opes.value_now') }} = prices.value
            and item_states.recurring_interval = prices.period
            and item_states.currency = prices.currency
            and {{ is_valid_at('prices', 'item_states.state_from') }}
            and not prices.is_withdrawn
),

-- one OPE speaks for the item: the one that names it now, live ones before others
ranked as (
    select
        namings.*,
        max(case when is_named_now then 1 else 0 end)
            over (partition by namings.subscription_item_id, namings.state_from) = 1
            as is_named_by_any,
        max(case when is_named_now and namings.state <> 'cancelled' then 1 else 0 end)
            over (partition by namings.subscription_item_id, namings.state_from) = 1
            as is_named_by_kept,
        max(case when not is_named_now and not is_ope_deleted and namings.state = 'contract' then 1 else 0 end)
            over (partition by namings.subscription_item_id, namings.state_from) = 1
            as was_named_by_contract,
        max(case when not is_ope_deleted and namings.state in ('in_flight', 'pending') then 1 else 0 end)
            over (partition by namings.subscription_item_id, namings.state_from) = 1
            as is_in_flight,
        row_number() over (
            partition by namings.subscription_item_id, namings.state_from
            order by
                case when is_named_now then 0 else 1 end,
                case when is_live_billed then 0 else 1 end,
                case when namings.state = 'in_flight' then 0 else 1 end,
                case when namings.price_id = namings.expected_price_id then 0 else 1 end,
                namings.ope_id,
                namings.catalog_price_id
        ) as preference,
    from namings
),

classed as (
    select
        item_states.*,
        ranked.ope_id,
        ranked.component,
        ranked.kind as ope_kind,
        ranked.value_now,
        ranked.state as ope_state,
        ranked.ope_updated_at,
        ranked.expected_price_id,
        ranked.expected_unit_amount,
        coalesce(ranked.is_in_flight, false) as is_in_flight,
        coalesce(ranked.is_named_now and ranked.is_live_billed, false) as is_named_by_live,
        coalesce(ranked.is_named_now and ranked.state = 'in_flight', false) as is_named_in_flight,
        case
            when ranked.kind = 'sum' then {{ safe_cast_as('ranked.value_now', 'bigint') }}
            when ranked.kind = 'enum' then 1
        end as expected_quantity,
        case
            when item_states.bad_debt_item = 'true' then 'bad_debt_item'
            when ranked.was_named_by_contract and not ranked.is_named_by_kept then 'contract'
            when ranked.ope_id is not null and not ranked.is_named_by_kept then 'deleted_from_ope'
            when ranked.is_named_now and ranked.state = 'delayed_upgrade' then 'delayed_upgrade'
            when ranked.ope_id is not null and ranked.catalog_price_id is null then 'missing_price'
            when ranked.ope_id is not null then 'expected_in_stripe'
            else 'unmatched'
        end as line_item_class,
    from item_states
    left join ranked
        on
            item_states.subscription_item_id = ranked.subscription_item_id
            and item_states.state_from = ranked.state_from
            and ranked.preference = 1
),

judged as (
    select
        *,
        case
            when
                line_item_class in ('deleted_from_ope', 'unmatched')
                and subscription_status in ('active', 'trialing', 'past_due', 'unpaid')
                then 'orphan_in_stripe'
            when
                (is_named_by_live or is_named_in_flight)
                and subscription_status not in ('active', 'trialing', 'past_due')
                then 'status_mismatch'
            when
                (is_named_by_live or is_named_in_flight)
                and line_item_class in ('expected_in_stripe', 'delayed_upgrade')
                and expected_unit_amount is not null
                and (
                    unit_amount is distinct from expected_unit_amount
                    or price_id is distinct from expected_price_id
                )
                then 'price_mismatch'
            when
                (is_named_by_live or is_named_in_flight)
                and line_item_class in ('expected_in_stripe', 'delayed_upgrade', 'missing_price')
                and ope_kind = 'sum'
                and quantity is distinct from expected_quantity
                then 'quantity_mismatch'
        end as would_be_kind,
    from classed
),

final as (
    select
        subscription_item_id,
        subscription_id,
        customer_id,
        subscription_status,
        state_from as valid_from,
        state_to as valid_to,
        line_item_class,
        would_be_kind,
        ope_id,
        ope_state,
        ope_updated_at,
        -- when what the verdict reads in Stripe was last seen to change
        case
            when would_be_kind in ('orphan_in_stripe', 'status_mismatch')
                then greatest(item_seen_at, coalesce(subscription_seen_at, item_seen_at))
            else item_seen_at
        end as stripe_seen_at,
        is_in_flight,
        current_period_end_at,
        currency,
        -- what the two sides would invoice for one period, in minor units
        {{ safe_cast_as("round(case would_be_kind
            when 'orphan_in_stripe' then unit_amount * quantity
            when 'status_mismatch' then expected_unit_amount * expected_quantity
            when 'price_mismatch' then abs(expected_unit_amount - unit_amount) * quantity
            when 'quantity_mismatch' then abs(expected_quantity - quantity) * unit_amount
        end)", 'bigint') }} as amount_minor,
        -- a finished subscription invoices nothing: only what a live OPE refers to is looked at
        subscription_status is not null
        and (
            subscription_status not in {{ dead_subscriptions }}
            or is_named_by_live
            or is_named_in_flight
        )
            as is_candidate,
    from judged
)

select * from final
