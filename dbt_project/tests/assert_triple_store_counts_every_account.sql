-- The combinations and the lifting ones add up to the accounts judged.
with combinations as (
    select * from {{ ref('rpt_triple_store') }}
),

accounts as (
    select * from {{ ref('fct_triple_store') }}
),

reported as (
    select sum(accounts) as accounts
    from combinations
),

judged as (
    select count(*) as accounts
    from accounts
)

select
    reported.accounts as reported_accounts,
    judged.accounts as judged_accounts,
from reported
cross join judged
where coalesce(reported.accounts, 0) <> judged.accounts
