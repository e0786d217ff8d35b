-- Grain: one row a Stripe invoice (invoice_id). The account is the one in its metadata, else the one
-- account that owns its customer.
{{ config(materialized='table') }}

with

invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

debts as (

    select * from {{ ref('int_billing__invoice_debts') }}

),

owners as (

    select * from {{ ref('int_accounts__customer_owners') }}

),

mirror as (

    select * from {{ ref('stg_billing__invoices') }}

),

first_payments as (

    select * from {{ ref('int_billing__first_payments') }}

)

select
    invoices.invoice_id,
    coalesce(nullif(invoices.account_id, ''), owners.account_id) as account_id,
    invoices.customer_id as stripe_customer_id,
    invoices.subscription_id,
    invoices.status,
    invoices.billing_reason,
    invoices.collection_method,
    invoices.finalized_by as finalize_path,
    invoices.currency,
    invoices.amount_due_minor,
    invoices.amount_paid_minor,
    invoices.amount_remaining_minor,
    debts.shown_open_minor,
    debts.owed_minor,
    debts.shown_open_minor - debts.owed_minor as overstated_minor,
    debts.debt_rule,
    coalesce(invoices.bad_debt_invoices, '') <> '' as is_consolidated,
    {{ safe_cast_as('invoices.bad_debt_amount', 'bigint') }} as bad_debt_amount_minor,
    {{ safe_cast_as('invoices.bad_debt_paid', 'bigint') }} as bad_debt_paid_minor,
    coalesce(
        invoices.marked_uncollectible_at is not null
        and invoices.billing_reason = 'subscription_cycle',
        false
    ) as is_dunning_failure,
    coalesce(
        invoices.marked_uncollectible_at is not null
        and first_payments.paid_at >= invoices.marked_uncollectible_at,
        false
    ) as is_recovered,
    invoices.attempt_count,
    mirror.status as ledger_status,
    mirror.invoice_id is not null as is_in_ledger,
    coalesce(
        mirror.status = invoices.status
        and mirror.amount_due_minor = invoices.amount_due_minor
        and mirror.amount_paid_minor = invoices.amount_paid_minor,
        false
    ) as is_ledger_equal,
    first_payments.paid_at as first_payment_at,
    invoices.created_at,
    invoices.due_at,
    invoices.finalized_at,
    invoices.paid_at,
    invoices.marked_uncollectible_at,
    invoices.voided_at,
from invoices
inner join debts on invoices.invoice_id = debts.invoice_id
left join owners on invoices.customer_id = owners.stripe_customer_id
left join mirror on invoices.invoice_id = mirror.invoice_id
left join first_payments on invoices.invoice_id = first_payments.invoice_id
