-- grain: one row an item or OPE that the Stripe detector judges in this run, or a load that it reads
{{ config(materialized='table') }}
-- Nearly all items came with the first load, agree with an OPE that came with it, and were never
-- touched again: they are settled, and nobody looks at them. Everything else is judged point by
-- point, and judged again only when a new load touches what its verdict reads. Naming an entity too
-- many costs time and changes no verdict; naming one too few would.
{% set kept = ['int_drift__stripe_item_states', 'int_drift__stripe_missing_items'] %}
{% set opes = 'engine.subs_object_products_element' %}
{% set objects = 'engine.subs_object_products' %}
{% set catalogue = 'engine.catalog_prices' %}
{% set items = 'stripe.subscription_items' %}
{% set subscriptions = 'stripe.subscriptions' %}
{% set streams = [opes, objects, catalogue, items, subscriptions] %}
{% set since = unjudged_since(streams, kept) %}
{#- every committed version of an OPE with a Stripe licence; none is read when nothing is new -#}
{% set is_naming -%}
license_source_id like 'sub%'
        and {{ came_with('all', opes) }}
        and exists (select 1 from loads where is_new)
{%- endset %}
with prices as (
    select * from {{ ref('stg_engine__catalog_prices_history') }}
),

-- no end of day before it is observed
horizons as (
    select max(first_as_of) as observed_from
    from {{ ref('int_time__stream_horizons') }}
    where stream in ('{{ opes }}', '{{ items }}', '{{ subscriptions }}')
),

loads as (
    {{ loads_to_judge(
        streams, kept, rule_version_of(kept), are_standing(kept)
    ) }}
),

touched_opes as (
    {{ touched(opes, 'ope_id', since) }}
),

-- the account of an OPE is that of its object
touched_objects as (
    {{ touched(objects, 'object_product_id', since) }}
),

touched_prices as (
    {{ touched(catalogue, 'catalog_price_id', since) }}
),

-- a deletion may carry the key alone
touched_components as (
    select distinct component
    from prices
    where catalog_price_id in (select touched_prices.catalog_price_id from touched_prices)
),

touched_items as (
    {{ touched(items, 'subscription_item_id', since) }}
),

touched_subscriptions as (
    {{ touched(subscriptions, 'subscription_id', since) }}
),

items_of_touched_subscriptions as (
    {{ keys_with(items, 'subscription_item_id', 'subscription_id', 'touched_subscriptions') }}
),

-- what an OPE that was touched ever named, or one of a component with a touched price
named_items as (
    select distinct {{ ope_licensed_item('license_source_id') }} as subscription_item_id
    from {{ raw_table(opes) }}
    where
        {{ is_naming }}
        -- one condition, so that DuckDB looks keys up instead of hashing all OPEs
        and (
            ope_id in (select touched_opes.ope_id from touched_opes)
            or component in (select touched_components.component from touched_components)
        )
),

first_items as (
    select
        subscription_item_id,
        subscription_id,
        price_id,
        coalesce(unit_amount, cast(unit_amount_minor as {{ numeric_type() }})) as unit_amount,
        lower(currency) as currency,
        recurring_interval,
        quantity,
        coalesce(bad_debt_item, '') = 'true' or _is_deleted as is_exception,
        _as_of as valid_from,
    from {{ raw_table(items) }}
    where {{ came_with('first', items, since) }}
),

first_subscriptions as (
    select
        subscription_id,
        _as_of as valid_from,
    from {{ raw_table(subscriptions) }}
    where
        {{ came_with('first', subscriptions, since) }}
        and status in ('active', 'trialing', 'past_due')
        and not _is_deleted
        and subscription_id not in (select subscription_id from touched_subscriptions)
),

landed_opes as (
    select
        ope_id,
        component,
        kind,
        value_phases,
        license_source_id,
        workflow_id,
        deleted_date,
        _as_of,
        _is_deleted,
    from {{ raw_table(opes) }}
    where {{ came_with('first', opes, since) }}
),

stated_opes as (
    {{ stated_opes('landed_opes') }}
),

first_opes as (
    select
        ope_id,
        subscription_id,
        subscription_item_id,
        component,
        {{ ope_catalogue_value('kind', 'value_now') }} as value,
        case when kind = 'sum' then {{ safe_cast_as('value_now', 'bigint') }} end as expected_quantity,
        kind = 'sum' as is_counted,
        state not in ('active_billed', 'scheduled_cancel', 'scheduled_downgrade') or _is_deleted
            as is_exception,
        _as_of as valid_from,
    from stated_opes
    where subscription_item_id is not null
),

-- prices that have had one version, one to a key
lasting_prices as (
    select
        component,
        value,
        period,
        lower(currency) as currency,
        min(stripe_price_id) as stripe_price_id,
        min(unit_amount) as unit_amount,
        min(valid_from) as valid_from,
    from prices
    where component not in (select component from touched_components where component is not null)
    group by component, value, period, lower(currency)
    having
        count(*) = 1
        and max(case when is_deleted or not coalesce(is_active, false) or valid_to is not null then 1 else 0 end)
        = 0
),

-- one version each of item, subscription, OPE and price, all agreeing from the first observed day on
paired as (
    select
        first_items.subscription_item_id,
        first_opes.ope_id,
        first_opes.subscription_item_id as named_item_id,
        coalesce(
            not first_items.is_exception
            and not first_opes.is_exception
            and first_subscriptions.subscription_id is not null
            and first_items.unit_amount = lasting_prices.unit_amount
            and first_items.price_id = lasting_prices.stripe_price_id
            and (not first_opes.is_counted or first_items.quantity = first_opes.expected_quantity)
            and greatest(
                first_items.valid_from,
                first_opes.valid_from,
                first_subscriptions.valid_from,
                lasting_prices.valid_from
            ) <= greatest(
                least(
                    first_items.valid_from,
                    first_opes.valid_from,
                    first_subscriptions.valid_from,
                    lasting_prices.valid_from
                ),
                horizons.observed_from
            ),
            false
        ) as is_settled,
    from first_items
    full outer join first_opes
        on
            first_items.subscription_item_id = first_opes.subscription_item_id
            and first_items.subscription_id = first_opes.subscription_id
    left join first_subscriptions on first_items.subscription_id = first_subscriptions.subscription_id
    left join lasting_prices
        on
            first_opes.component = lasting_prices.component
            and first_opes.value = lasting_prices.value
            and first_items.recurring_interval = lasting_prices.period
            and first_items.currency = lasting_prices.currency
    cross join horizons
),

unsettled as (
    select
        subscription_item_id,
        ope_id,
        named_item_id,
    from paired
    where not is_settled
),

worked_items as (
    select subscription_item_id
    from touched_items
    union distinct
    select subscription_item_id
    from items_of_touched_subscriptions
    union distinct
    select subscription_item_id
    from named_items
    union distinct
    select subscription_item_id
    from unsettled
    union distinct
    select named_item_id
    from unsettled
),

namings as (
    select
        ope_id,
        object_product_id,
        {{ ope_licensed_subscription('license_source_id') }} as subscription_id,
        {{ ope_licensed_item('license_source_id') }} as subscription_item_id,
    from {{ raw_table(opes) }}
    where {{ is_naming }}
),

worked_opes as (
    select ope_id
    from touched_opes
    union distinct
    select ope_id
    from unsettled
    union distinct
    -- the histories of all that ever named a worked item are needed, so they are named here
    select ope_id
    from namings
    where
        subscription_item_id in (select worked_items.subscription_item_id from worked_items)
        or subscription_id in (select touched_subscriptions.subscription_id from touched_subscriptions)
        or object_product_id in (select touched_objects.object_product_id from touched_objects)
),

final as (
    {{ worklist_of({
        'item': 'worked_items.subscription_item_id', 'ope': 'worked_opes.ope_id',
    }, rule_version_of(kept), since) }}
)

select * from final
