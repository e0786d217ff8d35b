-- Which priced subscriptions run for a week or more without any paid invoice?
select
    subscription_id,
    account_id,
    created_at,
from {{ ref('fct_subscriptions') }}
inner join {{ ref('rpt_metric_status') }} on metric_id = 'zero_payment_subscriptions_per_month'
where
    status = 'active'
    and priced_items > 0
    and paid_invoices = 0
    and created_at >= {{ start_of_day(date_plus_days('value_date', -29)) }}
    and created_at <= {{ start_of_day(date_plus_days('value_date', -6)) }}
order by created_at, subscription_id
