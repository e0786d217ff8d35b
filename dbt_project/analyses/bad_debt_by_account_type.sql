-- How many accounts are in bad debt, and of which type?
select
    account_type,
    stock,
from {{ ref('fct_bad_debt_days') }}
where observation_date = (select max(observation_date) from {{ ref('fct_bad_debt_days') }})
order by stock desc, account_type
