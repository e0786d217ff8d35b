-- Grain: one row a charge of the ledger (charge_id).
with

charges as (

    select * from {{ ref('stg_billing__charges') }}

),

invoices as (

    select * from {{ ref('fct_invoices') }}

)

select
    charges.charge_id,
    charges.invoice_id,
    charges.account_id,
    invoices.account_id as invoice_account_id,
    invoices.status as invoice_status,
    invoices.billing_reason,
    invoices.collection_method,
    charges.method,
    charges.status,
    charges.amount_minor,
    charges.currency,
    invoices.invoice_id is null as is_orphan,
    coalesce(invoices.account_id <> charges.account_id, false) as is_on_other_account,
    coalesce(
        charges.status = 'succeeded'
        and invoices.marked_uncollectible_at <= charges.created_at,
        false
    ) as is_recovery,
    coalesce(charges.status = 'succeeded' and invoices.amount_paid_minor = 0, false)
        as is_unknown_to_stripe,
    charges.created_at,
from charges
left join invoices on charges.invoice_id = invoices.invoice_id
