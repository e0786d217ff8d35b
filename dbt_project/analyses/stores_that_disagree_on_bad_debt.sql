-- On how many accounts do flag, timestamp and Stripe metadata disagree, and how?
select
    combination,
    count(*) as accounts,
from {{ ref('fct_triple_store') }}
where not is_lifting and combination not in ('000', '111')
group by combination
order by accounts desc, combination
