-- Which services are used without being paid for, or paid for without access?
select
    kind,
    count(distinct account_id) as accounts,
    count(*) as services,
from {{ ref('fct_discrepancies') }}
where detector = 'entitlement' and state in ('new', 'persistent')
group by kind
order by kind
