-- grain: one row an account, Stripe customer and interval in which the account is merged
{{ config(materialized='table') }}
-- Merged: its Stripe customer is used by another subs_customer row, or the account itself has a
-- second row. Both are ambiguous, so no verdict is given while it lasts.
{#- Not a CTE: DuckDB would write down the whole table. #}
{% set raw_customers = source('raw', 'engine__subs_customer') %}
with shared_customers as (
    select stripe_customer_id
    from {{ raw_customers }} as raw_customers
    group by stripe_customer_id
    having min(customer_row_id) <> max(customer_row_id)
),

shared_accounts as (
    select account_id
    from {{ raw_customers }} as raw_customers
    group by account_id
    having min(customer_row_id) <> max(customer_row_id)
),

-- few rows ever share anything: only theirs are put in order
keys as (
    select customer_row_id
    from {{ raw_customers }} as raw_customers
    where stripe_customer_id in (select shared_customers.stripe_customer_id from shared_customers)
    union distinct
    select customer_row_id
    from {{ raw_customers }} as raw_customers
    where account_id in (select shared_accounts.account_id from shared_accounts)
),

customers as (
    {{ history_of(
        'engine.subs_customer', 'customer_row_id', 'keys', ['account_id', 'stripe_customer_id']
    ) }}
),

shared as (
    select
        *,
        'customer ' || stripe_customer_id as shared_thing,
    from customers
    where not is_deleted
    union all
    select
        *,
        'account ' || account_id as shared_thing,
    from customers
    where not is_deleted
),

final as (
    select distinct
        mine.account_id,
        mine.stripe_customer_id,
        greatest(mine.valid_from, other.valid_from) as valid_from,
        least(
            coalesce(mine.valid_to, {{ end_of_time() }}),
            coalesce(other.valid_to, {{ end_of_time() }})
        ) as valid_to,
    from shared as mine
    inner join shared as other
        on
            mine.shared_thing = other.shared_thing
            and mine.customer_row_id <> other.customer_row_id
)

select * from final
where valid_from < valid_to
