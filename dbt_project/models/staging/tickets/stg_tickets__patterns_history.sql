-- Grain: one row a committed version of a pattern: (pattern_id, valid_from).
with

source as (

    select * from {{ source('raw', 'tickets__patterns') }}

),

committed as (

    select load_id from {{ source('ops', 'load_ledger') }}
    where stream = 'tickets.patterns'

)

select
    source.pattern_id,
    source.category,
    source.title,
    source.description,
    source.detection_rule,
    source.display_order,
    source.rules_version,
    source._as_of as valid_from,
    lead(source._as_of) over (
        partition by source.pattern_id
        order by source._as_of
    ) as valid_to,
    source._is_deleted as is_deleted,
from source
where source._load_id in (select load_id from committed)
