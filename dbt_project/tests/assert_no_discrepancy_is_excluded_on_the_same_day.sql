with discrepancy_days as (
    select * from {{ ref('fct_discrepancy_days') }}
),

exclusions as (
    select * from {{ ref('fct_drift_exclusions') }}
)

select
    discrepancy_days.detector,
    discrepancy_days.observation_date,
    discrepancy_days.entity_id,
from discrepancy_days
inner join exclusions
    on
        discrepancy_days.detector = exclusions.detector
        and discrepancy_days.observation_date = exclusions.observation_date
        and discrepancy_days.entity_id = exclusions.entity_id
