-- Grain: one row a pattern (pattern_id), as last read and not deleted at its source.
with

versions as (

    select * from {{ ref('stg_tickets__patterns_history') }}

)

select
    pattern_id,
    category,
    title,
    description,
    detection_rule,
    display_order,
    rules_version,
    valid_from as _as_of,
from versions
where
    valid_to is null
    and not is_deleted
