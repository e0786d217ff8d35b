-- Is bad debt growing? Entries and exits of the last thirty complete days.
select
    count(distinct observation_date) as days,
    sum(entries) as entries,
    sum(exits) as exits,
    sum(entries) - sum(exits) as growth,
from {{ ref('fct_bad_debt_days') }}
where observation_date >= (
    select {{ date_plus_days('max(observation_date)', -29) }} from {{ ref('fct_bad_debt_days') }}
)
