-- What the days opened and resolved, a detector and kind, is what the ledger of discrepancies says:
-- every one opened once and once more each time it came back, and every episode but a living one
-- was resolved. One known to be older than the days looked at opened on none of them; what the first
-- day found was not opened by it.
with drift_daily as (
    select * from {{ ref('rpt_drift_daily') }}
),

discrepancies as (
    select * from {{ ref('rpt_drift_current') }}
),

first_days as (
    select
        detector,
        min(observation_date) as first_day,
    from drift_daily
    group by detector
),

ever_opened as (
    select
        detector,
        kind,
        sum(new_count + opening_count) as opened,
        sum(resolved_count) as resolved,
    from drift_daily
    group by detector, kind
),

alive as (
    select
        discrepancies.detector,
        discrepancies.kind,
        sum(discrepancies.reopened)
        + sum(case when discrepancies.first_seen >= first_days.first_day then 1 else 0 end) as opened,
        sum(discrepancies.reopened)
        + sum(case when discrepancies.state = 'resolved' then 1 else 0 end) as resolved,
    from discrepancies
    inner join first_days on discrepancies.detector = first_days.detector
    group by discrepancies.detector, discrepancies.kind
)

select
    ever_opened.detector,
    ever_opened.kind,
    ever_opened.opened,
    alive.opened as opened_in_ledger,
    ever_opened.resolved,
    alive.resolved as resolved_in_ledger,
from ever_opened
left join alive
    on
        ever_opened.detector = alive.detector
        and ever_opened.kind = alive.kind
where
    ever_opened.opened <> coalesce(alive.opened, 0)
    or ever_opened.resolved <> coalesce(alive.resolved, 0)
