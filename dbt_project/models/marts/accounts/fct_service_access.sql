-- Grain: one row a product service (service), over all accounts, as last read.
with

entitlements as (

    select * from {{ ref('fct_entitlements') }}

)

select
    service,
    count(case when expected_state = 'GRANTED' then 1 end) as expected_granted,
    count(case when actual_state = 'GRANTED' then 1 end) as actually_granted,
    count(case when expected_state = 'HELD' then 1 end) as expected_held,
    count(case when actual_state = 'HELD' then 1 end) as actually_held,
    count(case when drift_kind = 'granted_but_unpaid' then 1 end) as granted_but_unpaid,
    count(case when drift_kind = 'paid_but_not_granted' then 1 end) as paid_but_not_granted,
    count(case when drift_kind = 'kept_after_bad_debt' then 1 end) as kept_after_bad_debt,
    count(case when drift_kind is not null and (is_unsure or is_merged_account) then 1 end)
        as of_these_excluded,
from entitlements
group by service
