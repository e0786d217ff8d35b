-- Grain: one row a UTC day, billing reason and collection method (observation_date, billing_reason, collection_method).
with

invoices as (

    select
        {{ date_of('marked_uncollectible_at') }} as observation_date,
        coalesce(billing_reason, 'unknown') as billing_reason,
        collection_method,
        account_id,
        is_recovered,
    from {{ ref('fct_invoices') }}
    where marked_uncollectible_at is not null

)

select
    observation_date,
    billing_reason,
    collection_method,
    billing_reason not in ('subscription_create', 'subscription_update') as is_valid_debt,
    count(*) as invoices,
    count(distinct account_id) as accounts,
    count(case when is_recovered then 1 end) as recovered_since,
from invoices
group by observation_date, billing_reason, collection_method
