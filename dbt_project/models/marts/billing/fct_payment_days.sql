-- Grain: one row a UTC day, path, step reached, method and collection method of payment attempts.
with

payments as (

    select * from {{ ref('fct_payments') }}

),

intents as (

    select
        invoice_payments.payment_intent_id,
        min(invoices.collection_method) as collection_method,
    from {{ ref('stg_stripe__invoice_payments') }} as invoice_payments
    inner join {{ ref('stg_stripe__invoices') }} as invoices
        on invoice_payments.invoice_id = invoices.invoice_id
    where invoice_payments.payment_intent_id is not null
    group by invoice_payments.payment_intent_id

)

select
    {{ date_of('payments.started_at') }} as observation_date,
    payments.path,
    payments.step_reached,
    payments.method,
    coalesce(intents.collection_method, 'unknown') as collection_method,
    payments.method = 'paypal' as is_paypal,
    count(*) as attempts,
    count(case when payments.outcome = 'succeeded' then 1 end) as succeeded,
    count(case when payments.outcome = 'failed' then 1 end) as failed,
    count(case when payments.is_green_zone_violation then 1 end) as green_zone_violations,
from payments
left join intents on payments.payment_intent_id = intents.payment_intent_id
group by
    {{ date_of('payments.started_at') }},
    payments.path,
    payments.step_reached,
    payments.method,
    coalesce(intents.collection_method, 'unknown')
