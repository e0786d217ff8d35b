-- grain: one row a stream of the contract; how many rows of it are current
{% set streams = {
    'engine.subs_account': 'stg_engine__accounts',
    'engine.subs_customer': 'stg_engine__customers',
    'engine.subs_dunning': 'stg_engine__dunning_states',
    'engine.subs_object_products': 'stg_engine__object_products',
    'engine.subs_object_products_element': 'stg_engine__object_products_elements',
    'engine.subs_sslc': 'stg_engine__service_level_changes',
    'engine.catalog_prices': 'stg_engine__catalog_prices',
    'engine.subs_mandate': 'stg_engine__mandates',
    'engine.subs_stuck_events': 'stg_engine__stuck_events',
    'engine.subs_product_probation': 'stg_engine__product_probations',
    'engine.webhook_deliveries': 'stg_engine__webhook_deliveries',
    'engine.subs_mutations': 'stg_engine__mutations',
    'engine.payment_attempts': 'stg_engine__payment_attempts',
    'billing.invoices': 'stg_billing__invoices',
    'billing.charges': 'stg_billing__charges',
    'billing.schedules': 'stg_billing__schedules',
    'core.accounts': 'stg_core__accounts',
    'core.zones': 'stg_core__zones',
    'core.entitlements': 'stg_core__entitlements',
    'stripe.customers': 'stg_stripe__customers',
    'stripe.payment_methods': 'stg_stripe__payment_methods',
    'stripe.subscriptions': 'stg_stripe__subscriptions',
    'stripe.subscription_items': 'stg_stripe__subscription_items',
    'stripe.invoices': 'stg_stripe__invoices',
    'stripe.invoice_line_items': 'stg_stripe__invoice_line_items',
    'stripe.invoice_payments': 'stg_stripe__invoice_payments',
    'stripe.payment_intents': 'stg_stripe__payment_intents',
    'stripe.events': 'stg_stripe__events',
    'jira.issues': 'stg_jira__issues',
    'jira.changelog_items': 'stg_jira__changelog_items',
    'knowledge.nodes': 'stg_knowledge__nodes',
    'knowledge.edges': 'stg_knowledge__edges',
    'tickets.classifications': 'stg_tickets__classifications',
    'tickets.patterns': 'stg_tickets__patterns',
    'tickets.measures': 'stg_tickets__measures',
} %}
{{ config(materialized='table') }}
with counted as (
    {% for stream, model in streams.items() %}
    select
        '{{ stream }}' as stream,
        '{{ stream.split('.')[0] }}' as source,
        count(*) as current_rows,
    from {{ ref(model) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from counted
