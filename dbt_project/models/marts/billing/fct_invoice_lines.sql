-- Grain: one row a line of a Stripe invoice (line_item_id).
with

lines as (

    select * from {{ ref('stg_stripe__invoice_line_items') }}

),

invoices as (

    select * from {{ ref('fct_invoices') }}

),

prices as (

    -- A price id of the catalogue belongs to one component.
    select
        stripe_price_id,
        min(component) as component,
        min(value) as value,
    from {{ ref('stg_engine__catalog_prices') }}
    where stripe_price_id is not null
    group by stripe_price_id

)

select
    lines.line_item_id,
    lines.invoice_id,
    invoices.account_id,
    invoices.status as invoice_status,
    invoices.billing_reason,
    invoices.collection_method,
    lines.subscription_id,
    lines.subscription_item_id,
    lines.price_id,
    prices.component,
    prices.value as catalogue_value,
    prices.stripe_price_id is not null as is_catalogue_price,
    lines.quantity,
    lines.amount_minor,
    lines.currency,
    lines.period_start_at,
    lines.period_end_at,
    invoices.invoice_id is null as is_orphan,
from lines
left join invoices on lines.invoice_id = invoices.invoice_id
left join prices on lines.price_id = prices.stripe_price_id
