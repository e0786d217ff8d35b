-- Grain: one row a paid consolidated invoice and a paid original that it consolidates
-- (consolidated_invoice_id, original_invoice_id): the same debt was collected twice.
with

double_charges as (

    select * from {{ ref('int_billing__double_charges') }}

)

select * from double_charges
