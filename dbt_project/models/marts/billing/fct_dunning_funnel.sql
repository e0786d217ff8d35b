-- Grain: one row a renewal invoice whose first collection failed (invoice_id), up to its outcome.
with

invoices as (

    select * from {{ ref('fct_invoices') }}
    where billing_reason = 'subscription_cycle'

),

failed_charges as (

    select
        invoice_id,
        min(created_at) as first_failure_at,
        count(*) as failed_charges,
    from {{ ref('stg_billing__charges') }}
    where status = 'failed'
    group by invoice_id

),

horizons as (

    select max(last_as_of) as last_as_of from {{ ref('int_time__stream_horizons') }}
    where stream = 'stripe.invoices'

),

failures as (

    -- What is sent is not charged: it fails by being overdue.
    select
        invoices.*,
        coalesce(
            failed_charges.first_failure_at,
            case
                when
                    invoices.collection_method = 'send_invoice'
                    and invoices.due_at < coalesce(
                        invoices.paid_at, invoices.voided_at, horizons.last_as_of
                    )
                    then invoices.due_at
            end,
            invoices.marked_uncollectible_at
        ) as first_failure_at,
        coalesce(failed_charges.failed_charges, 0) as failed_charges,
        horizons.last_as_of,
    from invoices
    left join failed_charges on invoices.invoice_id = failed_charges.invoice_id
    cross join horizons

),

ended as (

    select
        *,
        case
            when marked_uncollectible_at is not null and is_recovered then 'recovered_after_write_off'
            when marked_uncollectible_at is not null then 'written_off'
            when voided_at is not null then 'voided'
            when paid_at is not null then 'recovered'
            else 'in_dunning'
        end as outcome,
        case
            when marked_uncollectible_at is not null and is_recovered then first_payment_at
            else coalesce(marked_uncollectible_at, voided_at, paid_at)
        end as outcome_at,
    from failures
    where first_failure_at is not null

)

select
    invoice_id,
    account_id,
    subscription_id,
    collection_method,
    currency,
    amount_due_minor,
    failed_charges,
    attempt_count,
    first_failure_at,
    {{ date_of('first_failure_at') }} as first_failure_date,
    outcome,
    outcome_at,
    {{ hours_between('first_failure_at', 'coalesce(outcome_at, last_as_of)') }} as hours_in_dunning,
from ended
