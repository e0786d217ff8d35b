-- The verdicts have an order; an entity gets the first that holds and no second one.
with discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
)

select
    detector,
    observation_date,
    entity_id,
    count(*) as verdicts,
from discrepancy_days
group by detector, observation_date, entity_id
having count(*) > 1
