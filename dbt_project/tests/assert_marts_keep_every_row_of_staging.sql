-- Every row of staging reaches its mart once: same count, same total of what is summed.
with totals as (
    select
        'fct_invoice_lines' as mart,
        (select count(*) from {{ ref('stg_stripe__invoice_line_items') }}) as staging_rows,
        (select count(*) from {{ ref('fct_invoice_lines') }}) as mart_rows,
        (select coalesce(sum(amount_minor), 0) from {{ ref('stg_stripe__invoice_line_items') }}) as staging_total,
        (select coalesce(sum(amount_minor), 0) from {{ ref('fct_invoice_lines') }}) as mart_total
    union all
    select
        'fct_invoices' as mart,
        (select count(*) from {{ ref('stg_stripe__invoices') }}) as staging_rows,
        (select count(*) from {{ ref('fct_invoices') }}) as mart_rows,
        (select coalesce(sum(amount_due_minor), 0) from {{ ref('stg_stripe__invoices') }}) as staging_total,
        (select coalesce(sum(amount_due_minor), 0) from {{ ref('fct_invoices') }}) as mart_total
    union all
    select
        'fct_charges' as mart,
        (select count(*) from {{ ref('stg_billing__charges') }}) as staging_rows,
        (select count(*) from {{ ref('fct_charges') }}) as mart_rows,
        (select coalesce(sum(amount_minor), 0) from {{ ref('stg_billing__charges') }}) as staging_total,
        (select coalesce(sum(amount_minor), 0) from {{ ref('fct_charges') }}) as mart_total
    union all
    select
        'fct_payments' as mart,
        (select count(*) from {{ ref('stg_engine__payment_attempts') }}) as staging_rows,
        (select count(*) from {{ ref('fct_payments') }}) as mart_rows,
        (select coalesce(sum(amount_minor), 0) from {{ ref('stg_engine__payment_attempts') }}) as staging_total,
        (select coalesce(sum(amount_minor), 0) from {{ ref('fct_payments') }}) as mart_total
    union all
    select
        'fct_mutations' as mart,
        (select count(*) from {{ ref('stg_engine__mutations') }}) as staging_rows,
        (select count(*) from {{ ref('fct_mutations') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__mutations') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_mutations') }}) as mart_total
    union all
    select
        'fct_subscription_items' as mart,
        (select count(*) from {{ ref('stg_stripe__subscription_items') }}) as staging_rows,
        (select count(*) from {{ ref('fct_subscription_items') }}) as mart_rows,
        (select coalesce(sum(coalesce(quantity, 0)), 0) from {{ ref('stg_stripe__subscription_items') }}) as staging_total,
        (select coalesce(sum(coalesce(quantity, 0)), 0) from {{ ref('fct_subscription_items') }}) as mart_total
    union all
    select
        'fct_subscriptions' as mart,
        (select count(*) from {{ ref('stg_stripe__subscriptions') }}) as staging_rows,
        (select count(*) from {{ ref('fct_subscriptions') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_stripe__subscriptions') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_subscriptions') }}) as mart_total
    union all
    select
        'fct_opes' as mart,
        (select count(*) from {{ ref('stg_engine__object_products_elements') }}) as staging_rows,
        (select count(*) from {{ ref('fct_opes') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__object_products_elements') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_opes') }}) as mart_total
    union all
    select
        'fct_mandates' as mart,
        (select count(*) from {{ ref('stg_engine__mandates') }}) as staging_rows,
        (select count(*) from {{ ref('fct_mandates') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__mandates') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_mandates') }}) as mart_total
    union all
    select
        'fct_product_probations' as mart,
        (select count(*) from {{ ref('stg_engine__product_probations') }}) as staging_rows,
        (select count(*) from {{ ref('fct_product_probations') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__product_probations') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_product_probations') }}) as mart_total
    union all
    select
        'fct_service_level_changes' as mart,
        (select count(*) from {{ ref('stg_engine__service_level_changes') }}) as staging_rows,
        (select count(*) from {{ ref('fct_service_level_changes') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__service_level_changes') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_service_level_changes') }}) as mart_total
    union all
    select
        'fct_webhook_deliveries' as mart,
        (select count(*) from {{ ref('stg_engine__webhook_deliveries') }}) as staging_rows,
        (select count(*) from {{ ref('fct_webhook_deliveries') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__webhook_deliveries') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_webhook_deliveries') }}) as mart_total
    union all
    select
        'fct_stuck_events' as mart,
        (select count(*) from {{ ref('stg_engine__stuck_events') }}) as staging_rows,
        (select count(*) from {{ ref('fct_stuck_events') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__stuck_events') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('fct_stuck_events') }}) as mart_total
    union all
    select
        'bridge_account_customers' as mart,
        (select count(*) from {{ ref('stg_engine__customers') }}) as staging_rows,
        (select count(*) from {{ ref('bridge_account_customers') }}) as mart_rows,
        (select coalesce(sum(0), 0) from {{ ref('stg_engine__customers') }}) as staging_total,
        (select coalesce(sum(0), 0) from {{ ref('bridge_account_customers') }}) as mart_total
)

select * from totals
where staging_rows <> mart_rows or staging_total <> mart_total
