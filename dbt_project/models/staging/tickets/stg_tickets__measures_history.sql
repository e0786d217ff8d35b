-- Grain: one row a committed version of a category: (category, valid_from).
with

source as (

    select * from {{ source('raw', 'tickets__measures') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'tickets.measures'

)

select
    source.category,
    source.tested_tickets,
    source.counted_tickets,
    source.correct_tickets,
    source.rules_version,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.category
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
