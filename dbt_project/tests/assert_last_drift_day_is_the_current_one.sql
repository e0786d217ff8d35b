-- The discrepancies alive on a detector's last complete day are the current ones not resolved.
with drift_days as (
    select * from {{ ref('rpt_drift_days') }}
),

days as (
    select * from {{ ref('int_drift__days') }}
    where is_last_day
),

drift_current as (
    select * from {{ ref('rpt_drift_current') }}
    where state <> 'resolved'
),

last_days as (
    select drift_days.*
    from drift_days
    inner join days
        on
            drift_days.detector = days.detector
            and drift_days.observation_date = days.observation_date
)

select coalesce(last_days.discrepancy_id, drift_current.discrepancy_id) as discrepancy_id
from last_days
full outer join drift_current on last_days.discrepancy_id = drift_current.discrepancy_id
where
    last_days.state is distinct from drift_current.state
    or last_days.first_seen is distinct from drift_current.first_seen
    or last_days.last_seen is distinct from drift_current.last_seen
    or last_days.reopened is distinct from drift_current.reopened
    or last_days.amount_minor is distinct from drift_current.amount_minor
    or last_days.account_id is distinct from drift_current.account_id
