-- grain: one row a shared thing, account, Stripe customer and interval in which the account is merged
{{ config(
    materialized='kept',
    worklist='int_drift__merged_worklist',
    entity_kind='thing',
    entity_key='shared_thing',
) }}
-- Merged: its Stripe customer is used by another subs_customer row, or the account itself has a
-- second row. Both are ambiguous, so no verdict is given while it lasts.
with worklist as (
    select * from {{ ref('int_drift__merged_worklist') }}
    where entity_kind = 'thing'
),

customers as (
    select * from {{ ref('int_drift__merged_followed_rows') }}
    where not is_deleted
),

things as (
    select
        *,
        'customer ' || stripe_customer_id as shared_thing,
    from customers
    union all
    select
        *,
        'account ' || account_id as shared_thing,
    from customers
),

shared as (
    select * from things
    where shared_thing in (select worklist.entity_id from worklist)
),

final as (
    select distinct
        mine.shared_thing,
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
