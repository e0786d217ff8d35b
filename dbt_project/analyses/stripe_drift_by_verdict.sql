-- What differs between the engine and Stripe, and what is it worth?
select
    kind,
    currency,
    count(*) as discrepancies,
    sum(amount_minor) as at_stake_minor,
from {{ ref('fct_discrepancies') }}
where detector = 'stripe' and state in ('new', 'persistent')
group by kind, currency
order by kind, currency
