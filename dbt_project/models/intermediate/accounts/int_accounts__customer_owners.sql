-- Grain: one row a Stripe customer that the engine names (stripe_customer_id), with the one account
-- that owns it; no account is named when several share it.
with

customer_rows as (

    select * from {{ ref('stg_engine__customers') }}
    where stripe_customer_id is not null

)

select
    stripe_customer_id,
    case when count(distinct account_id) = 1 then min(account_id) end as account_id,
    count(distinct account_id) as accounts,
    count(*) > 1 as is_merged,
from customer_rows
group by stripe_customer_id
