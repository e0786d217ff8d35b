-- grain: one row an account, Stripe customer and interval in which the account is merged
{{ config(materialized='table') }}
-- Merged: its Stripe customer is used by another subs_customer row, or the account itself has a
-- second row. Both are ambiguous, so no verdict is given while it lasts.
{% set customer_rows = 'engine.subs_customer' %}
-- every key that has a second row, be it another's or an earlier one of its own
with shared_customers as (
    select stripe_customer_id
    from {{ raw_table(customer_rows) }}
    group by stripe_customer_id
    having count(*) > 1
),

shared_accounts as (
    select account_id
    from {{ raw_table(customer_rows) }}
    group by account_id
    having count(*) > 1
),

-- few rows ever share anything: only theirs are put in order
keys as (
    {{ keys_with(customer_rows, 'customer_row_id', 'stripe_customer_id', 'shared_customers') }}
    union distinct
    {{ keys_with(customer_rows, 'customer_row_id', 'account_id', 'shared_accounts') }}
),

customers as (
    {{ history_of(customer_rows, 'customer_row_id', 'keys', ['account_id', 'stripe_customer_id']) }}
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
