-- Every row of staging reaches its mart once: same count, same total of what is summed.
{% set pairs = [
    ('fct_invoice_lines', 'stg_stripe__invoice_line_items', 'amount_minor'),
    ('fct_invoices', 'stg_stripe__invoices', 'amount_due_minor'),
    ('fct_charges', 'stg_billing__charges', 'amount_minor'),
    ('fct_payments', 'stg_engine__payment_attempts', 'amount_minor'),
    ('fct_mutations', 'stg_engine__mutations', '0'),
    ('fct_subscription_items', 'stg_stripe__subscription_items', 'coalesce(quantity, 0)'),
    ('fct_subscriptions', 'stg_stripe__subscriptions', '0'),
    ('fct_opes', 'stg_engine__object_products_elements', '0'),
    ('fct_mandates', 'stg_engine__mandates', '0'),
    ('fct_product_probations', 'stg_engine__product_probations', '0'),
    ('fct_service_level_changes', 'stg_engine__service_level_changes', '0'),
    ('fct_webhook_deliveries', 'stg_engine__webhook_deliveries', '0'),
    ('fct_stuck_events', 'stg_engine__stuck_events', '0'),
    ('bridge_account_customers', 'stg_engine__customers', '0'),
] %}
with totals as (
    {% for mart, staging, summed in pairs %}
    select
        '{{ mart }}' as mart,
        (select count(*) from {{ ref(staging) }}) as staging_rows,
        (select count(*) from {{ ref(mart) }}) as mart_rows,
        (select coalesce(sum({{ summed }}), 0) from {{ ref(staging) }}) as staging_total,
        (select coalesce(sum({{ summed }}), 0) from {{ ref(mart) }}) as mart_total
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from totals
where staging_rows <> mart_rows or staging_total <> mart_total
