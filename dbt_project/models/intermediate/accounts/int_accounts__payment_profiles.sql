-- Grain: one row a Stripe customer with a stored payment method (stripe_customer_id).
with

payment_methods as (

    select * from {{ ref('stg_stripe__payment_methods') }}
    where customer_id is not null

)

select
    customer_id as stripe_customer_id,
    count(*) as payment_methods,
    count(case when type = 'paypal' then 1 end) > 0 as has_paypal,
    {{ text_list('type', ',') }} as payment_method_types,
from payment_methods
group by customer_id
