-- grain: one row a fact about the platform's size and make-up
{{ config(materialized='table') }}
with accounts as (
    select * from {{ ref('stg_engine__accounts') }}
),

opes as (
    select * from {{ ref('int_ope__state_history') }}
    where valid_to is null and not is_deleted
),

deliveries as (
    select
        event_id,
        handler,
        {{ date_of('received_at') }} as received_on,
    from {{ ref('stg_engine__webhook_deliveries') }}
),

line_items as (
    select * from {{ ref('fct_stripe_line_items') }}
),

component_services as (
    select * from {{ ref('component_services') }}
),

drift_days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'stripe' and is_last_day
),

stream_horizons as (
    select * from {{ ref('int_time__stream_horizons') }}
),

horizons as (
    select
        max(case when stream = 'engine.subs_account' then last_as_of end) as accounts_as_of,
        max(case when stream = 'engine.subs_object_products_element' then last_as_of end) as opes_as_of,
        max(case when stream = 'engine.webhook_deliveries' then last_as_of end) as deliveries_as_of,
    from stream_horizons
),

ope_states as (
    select state
    from {{ unnest_array(split_text(
        "'cancelled,malformed,in_flight,pending,contract,unbilled_grant,scheduled_cancel,scheduled_downgrade,delayed_upgrade,active_billed'",
        ',',
    ), 'state') }}
),

line_item_classes as (
    select line_item_class
    from {{ unnest_array(split_text(
        "'bad_debt_item,contract,deleted_from_ope,delayed_upgrade,missing_price,expected_in_stripe,unmatched'",
        ',',
    ), 'line_item_class') }}
),

facts as (
    select
        'accounts' as fact_id,
        count(*) as value,
        'accounts' as unit,
        (select accounts_as_of from horizons) as as_of,
        'Accounts that the engine holds' as definition,
    from accounts
    union all
    select
        'handlers_seen',
        count(distinct handler),
        'handlers',
        (select deliveries_as_of from horizons),
        'Handlers of the pipe with at least one delivery on record',
    from deliveries
    union all
    -- the last complete day before the horizon
    select
        'events_per_day',
        count(distinct deliveries.event_id),
        'events/day',
        min(horizons.deliveries_as_of),
        'Distinct Stripe events received on the last complete day',
    from horizons
    left join deliveries
        on deliveries.received_on = {{ date_plus_days(date_of('horizons.deliveries_as_of'), -1) }}
    union all
    select
        'product_services',
        count(distinct service),
        'services',
        cast(null as timestamp),
        'Product services that a billed component gives access to',
    from component_services
    union all
    select
        'opes',
        count(*),
        'OPEs',
        (select opes_as_of from horizons),
        'Object products elements that the engine holds, cancelled ones included',
    from opes
    union all
    select
        'ope_state_' || ope_states.state,
        count(opes.ope_id),
        'OPEs',
        min(horizons.opes_as_of),
        'Object products elements in state ' || ope_states.state,
    from ope_states
    cross join horizons
    left join opes on ope_states.state = opes.state
    group by ope_states.state
    union all
    select
        'line_items_' || line_item_classes.line_item_class,
        count(line_items.subscription_item_id),
        'items',
        (select max(day_end_at) from drift_days),
        'Stripe subscription items of class ' || line_item_classes.line_item_class,
    from line_item_classes
    left join line_items on line_item_classes.line_item_class = line_items.line_item_class
    group by line_item_classes.line_item_class
),

final as (
    select
        fact_id,
        cast(value as {{ numeric_type() }}) as value,
        unit,
        as_of,
        definition,
    from facts
)

select * from final
