-- Where do checkouts break off? Rollbacks of the last seven complete days.
select
    last_phase,
    sum(runs) as rollbacks,
from {{ ref('fct_mutation_days') }}
inner join {{ ref('rpt_metric_status') }} on metric_id = 'checkout_rollbacks_per_day'
where
    entry_point = 'checkout'
    and outcome = 'rolled_back'
    and observation_date between {{ date_plus_days('value_date', -6) }} and value_date
group by last_phase
order by rollbacks desc, last_phase
