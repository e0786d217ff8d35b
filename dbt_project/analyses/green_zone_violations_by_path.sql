-- On which payment paths was something written before the payment was confirmed?
select
    path,
    is_paypal,
    sum(attempts) as attempts,
    sum(green_zone_violations) as violations,
from {{ ref('fct_payment_days') }}
inner join {{ ref('rpt_metric_status') }} on metric_id = 'green_zone_violations_per_day'
where observation_date between {{ date_plus_days('value_date', -29) }} and value_date
group by path, is_paypal
order by path, is_paypal
