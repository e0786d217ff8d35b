-- Grain: one row an account that has a customer row (account_id), with the Stripe customer it pays
-- through. Merged: the Stripe customer serves another account too, or the account has two rows.
with

customer_rows as (

    select * from {{ ref('stg_engine__customers') }}

),

stripe_customers as (

    select
        stripe_customer_id,
        count(*) as rows_of_customer,
    from customer_rows
    where stripe_customer_id is not null
    group by stripe_customer_id

),

accounts as (

    select
        account_id,
        count(*) as customer_rows,
        min(stripe_customer_id) as stripe_customer_id,
        min(bad_debt) as customer_bad_debt_at,
    from customer_rows
    group by account_id

),

shared as (

    select distinct customer_rows.account_id
    from customer_rows
    inner join stripe_customers
        on customer_rows.stripe_customer_id = stripe_customers.stripe_customer_id
    where stripe_customers.rows_of_customer > 1

)

select
    accounts.account_id,
    accounts.stripe_customer_id,
    accounts.customer_bad_debt_at,
    accounts.customer_rows,
    accounts.customer_rows > 1 or shared.account_id is not null as is_merged,
from accounts
left join shared on accounts.account_id = shared.account_id
