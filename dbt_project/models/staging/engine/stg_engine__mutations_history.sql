-- Grain: one row a committed version of a run of the changes calculator: (mutation_id, valid_from).
with

source as (

    select * from {{ source('raw', 'engine__subs_mutations') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'engine.subs_mutations'

)

select
    source.mutation_id,
    source.account_id,
    source.entry_point,
    source.last_phase,
    source.outcome,
    source.started_at,
    source.written_at,
    source.finished_at,
    source.updated_at,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.mutation_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
