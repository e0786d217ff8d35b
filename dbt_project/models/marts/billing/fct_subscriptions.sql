-- Grain: one row a Stripe subscription (subscription_id).
{{ config(materialized='table') }}

with

subscriptions as (

    select * from {{ ref('stg_stripe__subscriptions') }}

),

items as (

    select
        subscription_id,
        count(*) as items,
        count(case when unit_amount > 0 then 1 end) as priced_items,
        count(case when usage_type = 'metered' then 1 end) as metered_items,
        min(recurring_interval) as recurring_interval,
        min(current_period_end_at) as current_period_end_at,
    from {{ ref('stg_stripe__subscription_items') }}
    group by subscription_id

),

owners as (

    select * from {{ ref('int_accounts__customer_owners') }}

),

invoices as (

    select
        subscription_id,
        count(*) as invoices,
        count(case when paid_at is not null and amount_paid_minor > 0 then 1 end) as paid_invoices,
        min(case when amount_paid_minor > 0 then paid_at end) as first_paid_at,
    from {{ ref('stg_stripe__invoices') }}
    where subscription_id is not null
    group by subscription_id

)

select
    subscriptions.subscription_id,
    subscriptions.customer_id as stripe_customer_id,
    owners.account_id,
    coalesce(owners.is_merged, false) as is_merged_account,
    subscriptions.status,
    case subscriptions.status
        when 'active' then 'Paid'
        when 'trialing' then 'Trial'
        when 'incomplete' then 'AwaitingPayment'
        when 'past_due' then 'Expired'
        when 'unpaid' then 'Expired'
        when 'canceled' then 'Cancelled'
        when 'incomplete_expired' then 'Cancelled'
    end as platform_status,
    coalesce(subscriptions.subscription_type = 'PAYGO', false)
    or coalesce(subscriptions.legacy_subscription_type = 'paygo', false) as is_paygo,
    subscriptions.collection_method,
    subscriptions.currency,
    items.recurring_interval,
    coalesce(items.items, 0) as items,
    coalesce(items.priced_items, 0) as priced_items,
    coalesce(items.metered_items, 0) as metered_items,
    items.current_period_end_at,
    coalesce(invoices.invoices, 0) as invoices,
    coalesce(invoices.paid_invoices, 0) as paid_invoices,
    invoices.first_paid_at,
    subscriptions.latest_invoice_id,
    subscriptions.created_at,
    subscriptions.trial_end_at,
    subscriptions.canceled_at,
    subscriptions.ended_at,
from subscriptions
left join items on subscriptions.subscription_id = items.subscription_id
left join owners on subscriptions.customer_id = owners.stripe_customer_id
left join invoices on subscriptions.subscription_id = invoices.subscription_id
