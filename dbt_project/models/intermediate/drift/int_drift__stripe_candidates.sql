-- grain: one row a day, entity and verdict of the Stripe detector, excluded ones included
{{ config(materialized='table') }}
{% set customer_rows = 'engine.subs_customer' %}
with days as (
    select * from {{ ref('int_drift__days') }}
    where detector = 'stripe'
),

item_states as (
    select * from {{ ref('int_drift__stripe_item_states') }}
    where would_be_kind is not null and is_candidate
),

missing_items as (
    select * from {{ ref('int_drift__stripe_missing_items') }}
),

merged_accounts as (
    select * from {{ ref('int_drift__merged_accounts') }}
),

stream_days as (
    select * from {{ ref('int_time__stream_days') }}
),

sibling_items as (
    select * from {{ ref('int_drift__stripe_sibling_items') }}
),

-- Of everything else only the histories that a candidate needs are put in order. A deleted version
-- says nothing.
missing_keys as (
    select distinct subscription_id
    from missing_items
),

all_subscriptions as (
    {{ history_of(
        'stripe.subscriptions', 'subscription_id', 'missing_keys', ['customer_id', 'currency']
    ) }}
),

all_items as (
    {{ history_of('stripe.subscription_items', 'subscription_item_id', 'sibling_items', [
        'subscription_id', 'current_period_end_at', 'recurring_interval', 'currency',
    ]) }}
),

customer_keys as (
    select customer_id
    from item_states
    union distinct
    select customer_id
    from all_subscriptions
    union distinct
    {{ keys_with(customer_rows, 'stripe_customer_id', 'account_id', 'missing_items') }}
),

all_stripe_customers as (
    {{ history_of('stripe.customers', 'customer_id', 'customer_keys', ['account_type']) }}
),

customer_row_keys as (
    {{ keys_with(customer_rows, 'customer_row_id', 'stripe_customer_id', 'customer_keys', 'customer_id') }}
    union distinct
    {{ keys_with(customer_rows, 'customer_row_id', 'account_id', 'missing_items') }}
),

all_engine_customers as (
    {{ history_of(customer_rows, 'customer_row_id', 'customer_row_keys', [
        'account_id', 'stripe_customer_id',
    ]) }}
),

account_keys as (
    select account_id
    from all_engine_customers
    union distinct
    select account_id
    from missing_items
),

all_engine_accounts as (
    {{ history_of('engine.subs_account', 'account_id', 'account_keys', ['account_type']) }}
),

subscriptions as (
    select * from all_subscriptions
    where not is_deleted
),

items as (
    select * from all_items
    where not is_deleted
),

stripe_customers as (
    select * from all_stripe_customers
    where not is_deleted
),

engine_customers as (
    select * from all_engine_customers
    where not is_deleted
),

engine_accounts as (
    select * from all_engine_accounts
    where not is_deleted
),

prices as (
    select * from {{ ref('stg_engine__catalog_prices_history') }}
    where not is_deleted and is_active
),

-- how far each side was known at the end of the day
horizons as (
    select
        observation_date,
        min(case when stream = 'engine.subs_object_products_element' then described_at end) as engine_as_of,
        min(
            case when stream in ('stripe.subscriptions', 'stripe.subscription_items') then described_at end
        ) as stripe_as_of,
    from stream_days
    group by observation_date
),

item_days as (
    select
        days.observation_date,
        days.day_number,
        days.day_end_at,
        item_states.subscription_item_id as entity_id,
        cast(null as string) as ope_account_id,
        item_states.customer_id,
        item_states.subscription_id,
        item_states.would_be_kind as kind,
        item_states.line_item_class,
        item_states.is_in_flight
        or coalesce(item_states.ope_updated_at > horizons.stripe_as_of, false)
        or item_states.stripe_seen_at > horizons.engine_as_of as is_in_flight,
        item_states.current_period_end_at,
        item_states.amount_minor,
        item_states.currency,
    from item_states
    inner join days
        on
            item_states.valid_from <= days.day_end_at
            and days.day_end_at < item_states.valid_to
    inner join horizons on days.observation_date = horizons.observation_date
),

-- the item is gone: its subscription and that one's other items say when and in what it is invoiced
missing_siblings as (
    select
        missing_items.ope_id,
        days.observation_date,
        min(items.current_period_end_at) as current_period_end_at,
        min(items.recurring_interval) as recurring_interval,
        min(lower(items.currency)) as item_currency,
    from missing_items
    inner join days
        on
            missing_items.valid_from <= days.day_end_at
            and days.day_end_at < missing_items.valid_to
    inner join items
        on
            missing_items.subscription_id = items.subscription_id
            and {{ is_valid_at('items', 'days.day_end_at') }}
    group by missing_items.ope_id, days.observation_date
),

missing_days as (
    select
        days.observation_date,
        days.day_number,
        days.day_end_at,
        missing_items.ope_id as entity_id,
        missing_items.account_id as ope_account_id,
        coalesce(subscriptions.customer_id, engine_customers.stripe_customer_id) as customer_id,
        missing_items.subscription_id,
        'missing_in_stripe' as kind,
        cast(null as string) as line_item_class,
        missing_items.is_in_flight
        or coalesce(missing_items.ope_updated_at > horizons.stripe_as_of, false)
        or coalesce(missing_items.stripe_seen_at > horizons.engine_as_of, false) as is_in_flight,
        missing_siblings.current_period_end_at,
        cast(round(
            prices.unit_amount * case
                when missing_items.ope_kind = 'sum'
                    then {{ safe_cast_as('missing_items.value_now', 'bigint') }}
                when missing_items.ope_kind = 'enum' then 1
            end
        ) as bigint) as amount_minor,
        lower(coalesce(missing_siblings.item_currency, subscriptions.currency)) as currency,
    from missing_items
    inner join days
        on
            missing_items.valid_from <= days.day_end_at
            and days.day_end_at < missing_items.valid_to
    inner join horizons on days.observation_date = horizons.observation_date
    left join subscriptions
        on
            missing_items.subscription_id = subscriptions.subscription_id
            and {{ is_valid_at('subscriptions', 'days.day_end_at') }}
    left join engine_customers
        on
            missing_items.account_id = engine_customers.account_id
            and {{ is_valid_at('engine_customers', 'days.day_end_at') }}
    left join missing_siblings
        on
            missing_items.ope_id = missing_siblings.ope_id
            and days.observation_date = missing_siblings.observation_date
    left join prices
        on
            missing_items.component = prices.component
            and {{ ope_catalogue_value('missing_items.ope_kind', 'missing_items.value_now') }} = prices.value
            and missing_siblings.recurring_interval = prices.period
            and missing_siblings.item_currency = lower(prices.currency)
            and {{ is_valid_at('prices', 'days.day_end_at') }}
),

candidate_days as (
    select * from item_days
    union all
    select * from missing_days
),

-- account of an item: through its Stripe customer; of an OPE: its own
customer_accounts as (
    select
        candidate_days.observation_date,
        candidate_days.entity_id,
        min(engine_customers.account_id) as account_id,
    from candidate_days
    inner join engine_customers
        on
            candidate_days.customer_id = engine_customers.stripe_customer_id
            and {{ is_valid_at('engine_customers', 'candidate_days.day_end_at') }}
    group by candidate_days.observation_date, candidate_days.entity_id
),

attributed as (
    select
        candidate_days.*,
        coalesce(candidate_days.ope_account_id, customer_accounts.account_id) as account_id,
    from candidate_days
    left join customer_accounts
        on
            candidate_days.observation_date = customer_accounts.observation_date
            and candidate_days.entity_id = customer_accounts.entity_id
),

merged_days as (
    select distinct
        attributed.observation_date,
        attributed.entity_id,
    from attributed
    inner join merged_accounts
        on
            attributed.account_id = merged_accounts.account_id
            and {{ is_valid_at('merged_accounts', 'attributed.day_end_at') }}
),

typed as (
    select
        attributed.*,
        coalesce(nullif(stripe_customers.account_type, ''), engine_accounts.account_type) as account_type,
        merged_days.entity_id is not null as is_merged,
        row_number() over (
            partition by attributed.observation_date, attributed.entity_id
            order by attributed.kind, attributed.amount_minor desc
        ) as preference,
    from attributed
    left join stripe_customers
        on
            attributed.customer_id = stripe_customers.customer_id
            and {{ is_valid_at('stripe_customers', 'attributed.day_end_at') }}
    left join engine_accounts
        on
            attributed.account_id = engine_accounts.account_id
            and {{ is_valid_at('engine_accounts', 'attributed.day_end_at') }}
    left join merged_days
        on
            attributed.observation_date = merged_days.observation_date
            and attributed.entity_id = merged_days.entity_id
),

final as (
    select
        'stripe' as detector,
        observation_date,
        day_number,
        entity_id,
        account_id,
        kind,
        case
            when {{ is_unsupported_account_type('account_type') }}
                then 'unsupported_account_type'
            when is_merged then 'merged_account'
            when is_in_flight then 'in_flight'
            when
                current_period_end_at > day_end_at
                and current_period_end_at <= {{ timestamp_plus_hours('day_end_at', 72) }}
                then 'invoice_date_too_near'
        end as exclusion_reason,
        amount_minor,
        currency,
        cast(null as date) as known_since,
    from typed
    where
        preference = 1
        -- contract accounts: no item is due, so a living one is neither an orphan nor mispriced
        and not (
            account_type = 'ad_hoc_contract'
            and kind in ('orphan_in_stripe', 'price_mismatch', 'quantity_mismatch')
        )
)

select * from final
