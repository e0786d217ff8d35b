-- Grain: one row a run of the engine's changes calculator (mutation_id).
with

mutations as (

    select * from {{ ref('stg_engine__mutations') }}

)

select
    mutation_id,
    account_id,
    entry_point,
    last_phase,
    outcome,
    outcome = 'rolled_back' as is_rolled_back,
    entry_point = 'checkout' and outcome = 'rolled_back' as is_checkout_rollback,
    written_at is not null as has_written,
    {{ date_of('started_at') }} as started_date,
    started_at,
    written_at,
    finished_at,
    {{ seconds_between('started_at', 'finished_at') }} as duration_seconds,
from mutations
