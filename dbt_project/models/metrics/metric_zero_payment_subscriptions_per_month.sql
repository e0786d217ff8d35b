-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
with days as (
    select * from {{ ref('int_time__metric_days') }}
    where metric_id = 'zero_payment_subscriptions_per_month'
),

active_subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions_history') }}
    where not is_deleted and status = 'active'
),

priced_items as (
    select * from {{ ref('stg_stripe__subscription_items_history') }}
    where
        not is_deleted
        and coalesce(unit_amount, cast(unit_amount_minor as {{ numeric_type() }})) > 0
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

first_payments as (
    select
        subscription_id,
        min(paid_at) as paid_at,
    from invoices
    where subscription_id is not null and amount_paid_minor > 0 and paid_at is not null
    group by subscription_id
),

counted as (
    select
        days.observation_date,
        count(distinct active_subscriptions.subscription_id) as value,
    from days
    inner join active_subscriptions
        on
            {{ is_valid_at('active_subscriptions', 'days.day_end_at') }}
            and active_subscriptions.created_at >= {{ timestamp_plus_hours('days.day_end_at', -720) }}
            and active_subscriptions.created_at <= {{ timestamp_plus_hours('days.day_end_at', -168) }}
    inner join priced_items
        on
            active_subscriptions.subscription_id = priced_items.subscription_id
            and {{ is_valid_at('priced_items', 'days.day_end_at') }}
    left join first_payments
        on
            active_subscriptions.subscription_id = first_payments.subscription_id
            and first_payments.paid_at < days.day_end_at
    where first_payments.subscription_id is null
    group by days.observation_date
),

final as (
    {{ metric_rows('zero_payment_subscriptions_per_month') }}
)

select * from final
