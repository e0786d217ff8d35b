-- Grain: one row a run of the changes calculator (mutation_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_engine__mutations_history') }}

)

select
    mutation_id,
    account_id,
    entry_point,
    last_phase,
    outcome,
    started_at,
    written_at,
    finished_at,
    updated_at,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
