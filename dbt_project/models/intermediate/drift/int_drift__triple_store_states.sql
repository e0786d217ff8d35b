-- grain: one row an account with a Stripe customer and interval between changes of its bad-debt marks
{{ config(materialized='table') }}
-- The combination has a digit a store: flag of the account, timestamp of the customer row,
-- metadata of the Stripe customer.
with accounts as (
    select
        account_id,
        {{ is_bad_debt_flagged('flags') }} as is_flagged,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('stg_engine__accounts_history') }}
),

customers as (
    select
        customer_row_id,
        account_id,
        stripe_customer_id,
        bad_debt is not null as has_timestamp,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('stg_engine__customers_history') }}
),

stripe_customers as (
    select
        customer_id,
        coalesce(bad_debt = 'true', false) as has_metadata,
        coalesce(lifting, '') <> '' as is_lifting,
        valid_from,
        valid_to,
        is_deleted,
    from {{ ref('stg_stripe__customers_history') }}
),

links as (
    select distinct
        account_id,
        stripe_customer_id,
    from customers
    where stripe_customer_id is not null
),

-- a deletion may carry the key alone, so the end of a version is a point as well as its beginning
points as (
    select
        account_id,
        valid_from as state_from,
    from accounts
    union distinct
    select
        account_id,
        valid_from,
    from customers
    union distinct
    select
        account_id,
        valid_to,
    from customers
    where valid_to is not null
    union distinct
    select
        links.account_id,
        stripe_customers.valid_from,
    from links
    inner join stripe_customers on links.stripe_customer_id = stripe_customers.customer_id
),

intervals as (
    select
        account_id,
        state_from,
        coalesce(
            lead(state_from) over (partition by account_id order by state_from),
            {{ end_of_time() }}
        ) as state_to,
    from points
),

final as (
    select
        intervals.account_id,
        min(stripe_customers.customer_id) as customer_id,
        max(
            case when accounts.is_flagged then '1' else '0' end
            || case when customers.has_timestamp then '1' else '0' end
            || case when stripe_customers.has_metadata then '1' else '0' end
        ) as combination,
        max(case when stripe_customers.is_lifting then 1 else 0 end) = 1 as is_lifting,
        intervals.state_from as valid_from,
        min(intervals.state_to) as valid_to,
    from intervals
    inner join accounts
        on
            intervals.account_id = accounts.account_id
            and {{ is_valid_at('accounts', 'intervals.state_from') }}
            and not accounts.is_deleted
    inner join customers
        on
            intervals.account_id = customers.account_id
            and {{ is_valid_at('customers', 'intervals.state_from') }}
            and not customers.is_deleted
    inner join stripe_customers
        on
            customers.stripe_customer_id = stripe_customers.customer_id
            and {{ is_valid_at('stripe_customers', 'intervals.state_from') }}
            and not stripe_customers.is_deleted
    -- an account with two rows is merged and judged by nobody: one row stands for it here
    group by intervals.account_id, intervals.state_from
)

select * from final
