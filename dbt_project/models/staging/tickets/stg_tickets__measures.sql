-- Grain: one row a category (category), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_tickets__measures_history') }}

)

select
    category,
    tested_tickets,
    counted_tickets,
    correct_tickets,
    rules_version,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
