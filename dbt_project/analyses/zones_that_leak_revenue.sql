-- Which zones give more than is billed, and since when?
select
    entity_id as zone_id,
    account_id,
    kind,
    first_seen,
    days_open,
from {{ ref('fct_discrepancies') }}
where
    detector = 'zone_plan'
    and kind in ('plan_above_engine', 'missing_in_engine')
    and state in ('new', 'persistent')
order by days_open desc, zone_id
