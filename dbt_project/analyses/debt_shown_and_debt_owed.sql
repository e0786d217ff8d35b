-- How much do open and written-off invoices overstate what is really owed?
select
    currency,
    debt_rule,
    count(*) as invoices,
    sum(shown_open_minor) as shown_minor,
    sum(owed_minor) as owed_minor,
from {{ ref('fct_invoices') }}
where status in ('open', 'uncollectible')
group by currency, debt_rule
order by currency, debt_rule
