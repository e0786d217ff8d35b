-- Grain: one row a customer row of the engine (customer_row_id): an account tied to a Stripe customer.
with

customer_rows as (

    select * from {{ ref('stg_engine__customers') }}

),

stripe_customers as (

    select * from {{ ref('stg_stripe__customers') }}

)

select
    customer_rows.customer_row_id,
    customer_rows.account_id,
    customer_rows.stripe_customer_id,
    customer_rows.written_by,
    stripe_customers.customer_id is not null as is_in_stripe,
    count(*) over (partition by customer_rows.account_id) as rows_of_account,
    case
        when customer_rows.stripe_customer_id is not null
            then count(*) over (partition by customer_rows.stripe_customer_id)
        else 0
    end as rows_of_stripe_customer,
    case
        when count(*) over (partition by customer_rows.account_id) > 1 then 'second_row'
        when
            customer_rows.stripe_customer_id is not null
            and count(*) over (partition by customer_rows.stripe_customer_id) > 1
            then 'shared_customer'
    end as ambiguity,
    customer_rows.created_at,
from customer_rows
left join stripe_customers on customer_rows.stripe_customer_id = stripe_customers.customer_id
