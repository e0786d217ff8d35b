-- grain: one row an account that paid a consolidated invoice and an original that it consolidates
{{ config(materialized='table') }}
with invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

invoice_payments as (
    select * from {{ ref('stg_stripe__invoice_payments') }}
),

paid_invoices as (
    select
        invoice_id,
        min(paid_at) as paid_at,
    from invoice_payments
    where status = 'paid' and paid_at is not null
    group by invoice_id
),

consolidated as (
    select
        invoices.account_id,
        invoices.invoice_id,
        trim(original_invoice_id) as original_invoice_id,
    from invoices, {{ unnest_array(split_text('invoices.bad_debt_invoices', ','), 'original_invoice_id') }}
    where invoices.bad_debt_invoices is not null and invoices.account_id is not null
),

pairs as (
    select
        consolidated.account_id,
        consolidated.invoice_id,
        greatest(paid_consolidated.paid_at, paid_originals.paid_at) as charged_twice_at,
        originals.amount_paid_minor,
        originals.currency,
    from consolidated
    inner join paid_invoices as paid_consolidated
        on consolidated.invoice_id = paid_consolidated.invoice_id
    inner join paid_invoices as paid_originals
        on consolidated.original_invoice_id = paid_originals.invoice_id
    left join invoices as originals
        on consolidated.original_invoice_id = originals.invoice_id
),

final as (
    select
        account_id,
        min(charged_twice_at) as charged_twice_at,
        count(*) as double_charges,
        -- what was taken twice: the originals' share, known when all are of one currency
        case
            when min(currency) = max(currency) and count(currency) = count(*)
                then cast(sum(amount_paid_minor) as bigint)
        end as amount_minor,
        case
            when min(currency) = max(currency) and count(currency) = count(*) then min(currency)
        end as currency,
    from pairs
    group by account_id
)

select * from final
