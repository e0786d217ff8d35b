-- What would be drift and is excluded on the last day of each detector, and why?
select
    exclusions.detector,
    exclusions.reason,
    count(*) as entities,
from {{ ref('fct_drift_exclusions') }} as exclusions
inner join (
    select
        detector,
        max(observation_date) as last_day,
    from {{ ref('rpt_drift_daily') }}
    group by detector
) as days
    on exclusions.detector = days.detector and exclusions.observation_date = days.last_day
group by exclusions.detector, exclusions.reason
order by exclusions.detector, exclusions.reason
