-- How many renewals were lost in the last thirty days, charged and sent apart?
select
    collection_method,
    count(*) as lost_renewals,
from {{ ref('fct_invoices') }}
where
    is_dunning_failure
    and {{ date_of('marked_uncollectible_at') }} >= (
        select {{ date_plus_days('max(observation_date)', -29) }}
        from {{ ref('fct_uncollectible_days') }}
    )
group by collection_method
order by collection_method
