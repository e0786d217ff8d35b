-- What was written off since the start of the quarter, and was it ever valid debt?
select
    billing_reason,
    is_valid_debt,
    sum(invoices) as invoices,
    sum(recovered_since) as recovered_since,
from {{ ref('fct_uncollectible_days') }}
where observation_date >= date '2026-01-01'
group by billing_reason, is_valid_debt
order by invoices desc, billing_reason
