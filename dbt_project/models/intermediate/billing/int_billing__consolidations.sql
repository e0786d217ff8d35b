-- Grain: one row a consolidated bad-debt invoice and an original that it names
-- (consolidated_invoice_id, original_invoice_id).
with

invoices as (

    select * from {{ ref('stg_stripe__invoices') }}
    where coalesce(bad_debt_invoices, '') <> ''

),

named as (

    select
        invoices.invoice_id as consolidated_invoice_id,
        invoices.account_id,
        trim(original_invoice_id) as original_invoice_id,
    from invoices
    cross join {{ unnest_array(split_text('invoices.bad_debt_invoices', ','), 'original_invoice_id') }}

)

select distinct
    consolidated_invoice_id,
    original_invoice_id,
    account_id,
from named
where original_invoice_id <> ''
