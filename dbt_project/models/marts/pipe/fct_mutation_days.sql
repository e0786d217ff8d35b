-- Grain: one row a UTC day, entry point, last phase and outcome of runs of the changes calculator.
with

mutations as (

    select * from {{ ref('fct_mutations') }}

)

select
    started_date as observation_date,
    entry_point,
    last_phase,
    outcome,
    count(*) as runs,
    count(case when has_written then 1 end) as runs_that_wrote,
    {{ nearest_rank('duration_seconds', 50) }} as duration_p50_seconds,
    {{ nearest_rank('duration_seconds', 95) }} as duration_p95_seconds,
from mutations
group by started_date, entry_point, last_phase, outcome
