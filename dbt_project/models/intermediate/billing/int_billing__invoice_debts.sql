-- Grain: one row an invoice (invoice_id): the amount that it shows as open beside the debt that is
-- really owed, with the rule that decided.
with

invoices as (

    select * from {{ ref('stg_stripe__invoices') }}

),

consolidations as (

    select * from {{ ref('int_billing__consolidations') }}

),

first_payments as (

    select * from {{ ref('int_billing__first_payments') }}

),

settled_originals as (

    select distinct consolidations.original_invoice_id
    from consolidations
    inner join first_payments
        on consolidations.consolidated_invoice_id = first_payments.invoice_id

),

judged as (

    select
        invoices.*,
        coalesce({{ safe_cast_as('invoices.bad_debt_paid', 'bigint') }}, 0) as paid_elsewhere_minor,
        case
            when coalesce(invoices.status, 'draft') not in ('open', 'uncollectible') then 'no_debt'
            when
                invoices.status = 'uncollectible'
                and invoices.billing_reason in ('subscription_create', 'subscription_update')
                then 'never_valid'
            when coalesce(invoices.bad_debt_invoices, '') <> '' then 'carried_by_originals'
            when settled_originals.original_invoice_id is not null
                then 'settled_by_consolidated_invoice'
            when coalesce({{ safe_cast_as('invoices.bad_debt_paid', 'bigint') }}, 0) > 0
                then 'partly_paid_elsewhere'
            else 'as_shown'
        end as debt_rule,
    from invoices
    left join settled_originals on invoices.invoice_id = settled_originals.original_invoice_id

)

select
    invoice_id,
    currency,
    case
        when coalesce(status, 'draft') in ('open', 'uncollectible') then amount_remaining_minor
        else 0
    end as shown_open_minor,
    case debt_rule
        when 'as_shown' then amount_remaining_minor
        when 'partly_paid_elsewhere'
            then case
                when amount_remaining_minor > paid_elsewhere_minor
                    then amount_remaining_minor - paid_elsewhere_minor
                else 0
            end
        else 0
    end as owed_minor,
    debt_rule,
from judged
