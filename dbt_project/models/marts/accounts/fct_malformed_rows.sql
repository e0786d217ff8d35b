-- Grain: one row a store, entity and rule that it breaks (store, entity_id, rule), as last read.
with

opes as (

    select * from {{ ref('int_engine__ope_states') }}
    where state <> 'cancelled'

),

items as (

    select * from {{ ref('stg_stripe__subscription_items') }}

),

subscriptions as (

    select * from {{ ref('stg_stripe__subscriptions') }}

),

lines as (

    select * from {{ ref('stg_stripe__invoice_line_items') }}

),

invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

customer_ties as (

    select * from {{ ref('bridge_account_customers') }}
    where ambiguity is not null

),

zones as (

    select * from {{ ref('stg_core__zones') }}

),

entitlements as (

    select * from {{ ref('stg_core__entitlements') }}

),

component_services as (

    select * from {{ ref('component_services') }}

),

quarantine as (

    select * from {{ source('ops', 'quarantine') }}

),

unioned as (

    select
        'subs_object_products_element' as store,
        ope_id as entity_id,
        account_id,
        'empty_phases' as rule,
        cast(null as string) as detail,
    from opes
    where value_now is null
    union all
    select
        'subs_object_products_element' as store,
        ope_id as entity_id,
        account_id,
        'unknown_value' as rule,
        kind || ' ' || value_now as detail,
    from opes
    where value_now is not null and rank_now is null
    union all
    select
        'subs_object_products_element' as store,
        ope_id as entity_id,
        account_id,
        'unknown_next_value' as rule,
        kind || ' ' || value_next as detail,
    from opes
    where rank_next is null and coalesce(value_next, 'free') not in ('free', '-1')
    union all
    select
        'subs_object_products_element' as store,
        ope_id as entity_id,
        account_id,
        'unknown_license_source' as rule,
        license_source_id as detail,
    from opes
    where license_form is null
    union all
    select
        'subs_object_products_element' as store,
        ope_id as entity_id,
        account_id,
        'no_object' as rule,
        object_product_id as detail,
    from opes
    where account_id is null
    union all
    select
        'stripe' as store,
        items.subscription_item_id as entity_id,
        cast(null as string) as account_id,
        'orphan_item' as rule,
        items.subscription_id as detail,
    from items
    left join subscriptions on items.subscription_id = subscriptions.subscription_id
    where subscriptions.subscription_id is null
    union all
    select
        'stripe' as store,
        lines.line_item_id as entity_id,
        cast(null as string) as account_id,
        'orphan_invoice_line' as rule,
        lines.invoice_id as detail,
    from lines
    left join invoices on lines.invoice_id = invoices.invoice_id
    where invoices.invoice_id is null
    union all
    select
        'subs_customer' as store,
        customer_row_id as entity_id,
        account_id,
        ambiguity as rule,
        stripe_customer_id as detail,
    from customer_ties
    union all
    select
        'core_prod' as store,
        zone_id as entity_id,
        account_id,
        'unknown_plan' as rule,
        plan_level as detail,
    from zones
    where {{ plan_rank('plan_level') }} is null
    union all
    select
        'core_prod' as store,
        entitlements.entitlement_id as entity_id,
        entitlements.account_id,
        'unknown_service' as rule,
        entitlements.service as detail,
    from entitlements
    left join component_services on entitlements.service = component_services.service
    where component_services.service is null
    union all
    select
        stream as store,
        row_key as entity_id,
        cast(null as string) as account_id,
        'quarantined_value ' || column_name as rule,
        min(value_text) as detail,
    from quarantine
    group by stream, row_key, column_name

)

select
    store,
    entity_id,
    account_id,
    rule,
    detail,
from unioned
