-- grain: one row an account, Stripe customer and interval in which the account is merged
{{ config(materialized='table') }}
-- Merged: its Stripe customer is used by another subs_customer row, or the account itself has a
-- second row. Both are ambiguous, so no verdict is given while it lasts.
with customers as (
    select * from {{ ref('stg_engine__customers_history') }}
    where not is_deleted
),

shares_stripe_customer as (
    select
        mine.account_id,
        mine.stripe_customer_id,
        greatest(mine.valid_from, other.valid_from) as valid_from,
        least(
            coalesce(mine.valid_to, {{ end_of_time() }}),
            coalesce(other.valid_to, {{ end_of_time() }})
        ) as valid_to,
    from customers as mine
    inner join customers as other
        on
            mine.stripe_customer_id = other.stripe_customer_id
            and mine.customer_row_id <> other.customer_row_id
),

has_second_row as (
    select
        mine.account_id,
        mine.stripe_customer_id,
        greatest(mine.valid_from, other.valid_from) as valid_from,
        least(
            coalesce(mine.valid_to, {{ end_of_time() }}),
            coalesce(other.valid_to, {{ end_of_time() }})
        ) as valid_to,
    from customers as mine
    inner join customers as other
        on
            mine.account_id = other.account_id
            and mine.customer_row_id <> other.customer_row_id
),

final as (
    select * from shares_stripe_customer
    union distinct
    select * from has_second_row
)

select * from final
where valid_from < valid_to
